internal import CLinuxMemory

// A program of one thread may make sure that it is alone, by counting what is in /proc/self/task: sandboxes do so before
// they confine themselves. The agent's thread ends before the program sees what is there, and stays away until the folder is
// closed, or for a while: then it comes back with a call that we see. Paths are read only after the kernel has read them: what
// is no path for the kernel is none for us.

/// How long the agent's thread stays away after the program has looked.
private var awayAfterLook: UInt64 { 1_000_000_000 }

/// The folder of threads that the program has open by opendir; 0 for none.
nonisolated(unsafe) private var openFolder: UInt = 0
/// 1 while the thread is away because the program looked.
nonisolated(unsafe) private var isAway: UInt32 = 0

/// After the kernel has found what a path names, and before the program sees what is in it: whether that is the folder of
/// threads, in which there is one of ours no more.
@discardableResult
private func look(at path: UnsafePointer<CChar>?, found: Bool) -> Bool {
    // SAFETY: errno of this thread.
    let before = unsafe __errno_location().pointee
    defer { unsafe __errno_location().pointee = before }
    guard found, isAgentHere, programHasOneThread(), let path = unsafe path, unsafe namesThreads(path) else {
        if unsafe lm_atomic_load(&isAway) != 0 { comeBack() }
        return false
    }
    _ = holdOffAgentThread()
    delayAgentThread(awayAfterLook)
    letAgentThreadStart()
    unsafe lm_atomic_store(&isAway, 1)
    return true
}

/// Has the agent's thread start if it has been away for long enough.
private func comeBack() {
    guard isAgentHere, unsafe now() >= UInt64(lm_atomic_load_wide(&agentThread.earliestStart)) else { return }
    unsafe lm_atomic_store(&isAway, 0)
    if unsafe lm_atomic_load(&tables.rangeCount) != 0 { wakeAgent(byAllocator: true) }
}

/// Whether a path is that of the folder of this process's threads, or what that is called within /proc.
private func namesThreads(_ path: UnsafePointer<CChar>) -> Bool {
    var end = unsafe textLength(of: path)
    // SAFETY: below the end, here and further down.
    while unsafe end > 1 && (path[end - 1] == 47 || path[end - 1] == 46 && path[end - 2] == 47) { end -= 1 }
    guard end >= 4, unsafe path[end - 4] == 116, unsafe path[end - 3] == 97, unsafe path[end - 2] == 115,
        unsafe path[end - 1] == 107
    else { return false }
    end -= 4
    if end == 0 { return true }
    guard unsafe path[end - 1] == 47 else { return false }
    while end > 0, unsafe path[end - 1] == 47 { end -= 1 }
    // Within /proc: "self", "thread-self", or a number, which is this process's or harms nobody.
    guard end > 0 else { return false }
    let last = unsafe path[end - 1]
    return last == 102 || last >= 48 && last <= 57
}

private func word(_ path: UnsafePointer<CChar>?) -> Int { Int(bitPattern: path) }

/// opendir.
@c(opendir)
public func interposedOpendir(_ path: UnsafePointer<CChar>?) -> Int {
    let folder = unsafe pass(.opendir, word(path), 0)
    if unsafe look(at: path, found: folder != 0) { unsafe openFolder = UInt(bitPattern: folder) }
    return folder
}

/// closedir.
@c(closedir)
public func interposedClosedir(_ folder: Int) -> Int32 {
    let result = Int32(truncatingIfNeeded: pass(.closedir, folder, 0))
    if folder != 0, unsafe openFolder == UInt(bitPattern: folder) {
        unsafe openFolder = 0
        delayAgentThread(0)
        comeBack()
    }
    return result
}

/// scandir opens and reads in one call.
private func lookBeforeScan(_ path: UnsafePointer<CChar>?) {
    // SAFETY: the kernel reads the path, or says that it is none.
    let file = unsafe isAgentHere && programHasOneThread() ? lm_open(path, Int32(LM_O_PATH)) : -1
    unsafe look(at: path, found: file >= 0)
    if file >= 0 { _ = lm_close(file) }
}

/// Makes a call that opens a file, which the program has not read yet.
private func opening(_ path: UnsafePointer<CChar>?, _ call: () -> Int) -> Int32 {
    let file = Int32(truncatingIfNeeded: call())
    unsafe look(at: path, found: file >= 0)
    return file
}

/// scandir.
@c(scandir)
public func interposedScandir(_ path: UnsafePointer<CChar>?, _ list: Int, _ choose: Int, _ order: Int) -> Int32 {
    unsafe lookBeforeScan(path)
    return unsafe Int32(truncatingIfNeeded: pass(.scandir, word(path), list, choose, order))
}

/// scandir64.
@c(scandir64)
public func interposedScandir64(_ path: UnsafePointer<CChar>?, _ list: Int, _ choose: Int, _ order: Int) -> Int32 {
    unsafe lookBeforeScan(path)
    return unsafe Int32(truncatingIfNeeded: pass(.scandir64, word(path), list, choose, order))
}

/// open: its third argument is there for some flags only.
@c(open)
public func interposedOpen(_ path: UnsafePointer<CChar>?, _ flags: Int32, _ mode: Int) -> Int32 {
    unsafe opening(path) { unsafe pass(.open, word(path), Int(flags), mode) }
}

/// open64.
@c(open64)
public func interposedOpen64(_ path: UnsafePointer<CChar>?, _ flags: Int32, _ mode: Int) -> Int32 {
    unsafe opening(path) { unsafe pass(.open64, word(path), Int(flags), mode) }
}

/// openat.
@c(openat)
public func interposedOpenat(_ folder: Int32, _ path: UnsafePointer<CChar>?, _ flags: Int32, _ mode: Int) -> Int32 {
    unsafe opening(path) { unsafe pass(.openat, Int(folder), word(path), Int(flags), mode) }
}

/// openat64.
@c(openat64)
public func interposedOpenat64(_ folder: Int32, _ path: UnsafePointer<CChar>?, _ flags: Int32, _ mode: Int) -> Int32 {
    unsafe opening(path) { unsafe pass(.openat64, Int(folder), word(path), Int(flags), mode) }
}

/// open of programs that were built with checks (_FORTIFY_SOURCE).
@c(__open_2)
public func interposedOpenChecked(_ path: UnsafePointer<CChar>?, _ flags: Int32) -> Int32 {
    unsafe opening(path) { unsafe pass(.openChecked, word(path), Int(flags)) }
}

/// open64 of programs that were built with checks.
@c(__open64_2)
public func interposedOpen64Checked(_ path: UnsafePointer<CChar>?, _ flags: Int32) -> Int32 {
    unsafe opening(path) { unsafe pass(.open64Checked, word(path), Int(flags)) }
}

/// openat of programs that were built with checks.
@c(__openat_2)
public func interposedOpenatChecked(_ folder: Int32, _ path: UnsafePointer<CChar>?, _ flags: Int32) -> Int32 {
    unsafe opening(path) { unsafe pass(.openatChecked, Int(folder), word(path), Int(flags)) }
}

/// openat64 of programs that were built with checks.
@c(__openat64_2)
public func interposedOpenat64Checked(_ folder: Int32, _ path: UnsafePointer<CChar>?, _ flags: Int32) -> Int32 {
    unsafe opening(path) { unsafe pass(.openat64Checked, Int(folder), word(path), Int(flags)) }
}

/// Makes a call that tells how many threads there are, again if it told of ours.
private func withoutThread(_ path: UnsafePointer<CChar>?, _ call: () -> Int) -> Int32 {
    let result = Int32(truncatingIfNeeded: call())
    return unsafe look(at: path, found: result == 0) ? Int32(truncatingIfNeeded: call()) : result
}

/// stat: a folder has as many links as folders in it, and two.
@c(stat)
public func interposedStat(_ path: UnsafePointer<CChar>?, _ status: Int) -> Int32 {
    unsafe withoutThread(path) { unsafe pass(.stat, word(path), status) }
}

/// stat64.
@c(stat64)
public func interposedStat64(_ path: UnsafePointer<CChar>?, _ status: Int) -> Int32 {
    unsafe withoutThread(path) { unsafe pass(.stat64, word(path), status) }
}

/// fstatat.
@c(fstatat)
public func interposedFstatat(_ folder: Int32, _ path: UnsafePointer<CChar>?, _ status: Int, _ flags: Int32) -> Int32 {
    unsafe withoutThread(path) { unsafe pass(.fstatat, Int(folder), word(path), status, Int(flags)) }
}

/// fstatat64.
@c(fstatat64)
public func interposedFstatat64(_ folder: Int32, _ path: UnsafePointer<CChar>?, _ status: Int, _ flags: Int32) -> Int32
{
    unsafe withoutThread(path) { unsafe pass(.fstatat64, Int(folder), word(path), status, Int(flags)) }
}

/// statx.
@c(statx)
public func interposedStatx(
    _ folder: Int32, _ path: UnsafePointer<CChar>?, _ flags: Int32, _ mask: UInt32, _ status: Int
) -> Int32 {
    unsafe withoutThread(path) { unsafe pass(.statx, Int(folder), word(path), Int(flags), Int(mask), status) }
}
