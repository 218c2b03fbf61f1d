internal import CLinuxMemory

// A program of one thread may make sure that it is alone, by counting what is in /proc/self/task, or by what /proc/self/status and
// /proc/self/stat say: sandboxes do so before they confine themselves. The agent's thread ends before the program sees what is
// there, and stays away until the folder or file is closed, or for a while: then it comes back with a call that we see. Paths are
// read only after the kernel has read them: what is no path for the kernel is none for us.

/// How long the agent's thread stays away after the program has looked.
private var awayAfterLook: UInt64 { 1_000_000_000 }
/// A program that looks more often in a second keeps it away also when it has closed the file: each end and start costs it time.
private var returnsInSecond: UInt32 { 100 }

/// The folder or file that tells of threads which the program has open by opendir or fopen; 0 for none.
nonisolated(unsafe) var openStream: UInt = 0
/// The descriptor of one that it has opened by open; -1 for none.
nonisolated(unsafe) var openFile: Int32 = -1
/// How often the program has looked since a time, for a second from then on.
nonisolated(unsafe) private var looks: UInt32 = 0
nonisolated(unsafe) private var looksSince: UInt64 = 0
/// 1 while the thread is away because the program looked.
nonisolated(unsafe) private var isAway: UInt32 = 0

/// After the kernel has found what a path names, and before the program sees what is in it: whether that tells of threads, of which
/// there is none of ours any more.
///
/// - Parameter files: Whether files count, too: where they are opened.
@discardableResult
func look(at path: UnsafePointer<CChar>?, found: Bool, files: Bool = false) -> Bool {
    // SAFETY: errno of this thread.
    let before = unsafe __errno_location().pointee
    defer { unsafe __errno_location().pointee = before }
    guard found, !isAgentOff, let path = unsafe path, unsafe namesThreads(path, files: files), programHasOneThread(),
        isAgentHere
    else {
        if unsafe lm_atomic_load(&isAway) != 0 { comeBack() }
        return false
    }
    _ = holdOffAgentThread(patience: 100_000_000)
    stayAway()
    letAgentThreadStart()
    let time = now()
    if unsafe time &- looksSince >= 1_000_000_000 { unsafe (looks, looksSince) = (0, time) }
    unsafe looks &+= 1
    return true
}

/// The agent's thread stays away for a while, and comes back with a call that we see.
func stayAway() {
    delayAgentThread(awayAfterLook)
    unsafe lm_atomic_store(&isAway, 1)
}

/// The program has closed what it looked at, and a thread may be started.
func lookEnds() {
    guard unsafe looks <= returnsInSecond else { return }
    delayAgentThread(0)
    comeBack()
}

/// The program marks memory: the thread need not stay away where nothing that tells of threads is open.
func endLook() {
    guard unsafe lm_atomic_load(&isAway) != 0 && openStream == 0 && openFile < 0 else { return }
    unsafe lm_atomic_store(&isAway, 0)
    delayAgentThread(0)
}

/// Has the agent's thread start if it has been away for long enough.
private func comeBack() {
    guard isAgentHere, unsafe now() >= UInt64(lm_atomic_load_wide(&agentThread.earliestStart)) else { return }
    unsafe lm_atomic_store(&isAway, 0)
    if unsafe lm_atomic_load(&tables.rangeCount) != 0 { wakeAgent(byAllocator: true) }
}

/// Whether a path is that of the folder of this process's threads, or of a file that counts them, or what those are called within
/// /proc.
private func namesThreads(_ path: UnsafePointer<CChar>, files: Bool) -> Bool {
    var end = unsafe textLength(of: path)
    // SAFETY: below the end, here and further down.
    while unsafe end > 1 && (path[end - 1] == 47 || path[end - 1] == 46 && path[end - 2] == 47) { end -= 1 }
    let rest =
        unsafe part("task", endsAt: end, of: path)
        ?? (files ? part("status", endsAt: end, of: path) ?? part("stat", endsAt: end, of: path) : nil)
    guard var end = rest else { return false }
    if end == 0 { return true }
    guard unsafe path[end - 1] == 47 else { return false }
    while end > 0, unsafe path[end - 1] == 47 { end -= 1 }
    // Within /proc: "self", "thread-self", or a number: this process's, or of one of its threads.
    guard end > 0 else { return false }
    if unsafe path[end - 1] == 102 { return true }
    var (number, unit) = (0, 1)
    while end > 0, unit < 1_000_000_000, unsafe path[end - 1] >= 48 && path[end - 1] <= 57 {
        number += unsafe Int(path[end - 1] - 48) * unit
        unit *= 10
        end -= 1
    }
    if unit > 1, number == Int(lm_process_id()) { return true }
    while end > 0, unsafe path[end - 1] == 47 { end -= 1 }
    return unsafe unit > 1 && part("task", endsAt: end, of: path) != nil
}

/// Where a name begins that a path has before a place; `nil` where it has not.
private func part(_ name: StaticString, endsAt end: Int, of path: UnsafePointer<CChar>) -> Int? {
    let start = end - name.utf8CodeUnitCount
    guard start >= 0 else { return nil }
    for place in 0..<name.utf8CodeUnitCount {
        // SAFETY: between the start and the end of the path, and of the literal.
        guard unsafe UInt8(bitPattern: path[start + place]) == name.utf8Start[place] else { return nil }
    }
    return start
}
