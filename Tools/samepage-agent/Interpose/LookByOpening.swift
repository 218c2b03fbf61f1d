internal import CLinuxMemory

// Calls that open and close what may tell of threads: see LookAtThreads.

/// opendir.
@c(opendir)
public func interposedOpendir(_ path: UnsafePointer<CChar>?) -> Int {
    let folder = unsafe pass(.opendir, word(path), 0)
    if unsafe look(at: path, found: folder != 0) { unsafe openStream = UInt(bitPattern: folder) }
    return folder
}

/// closedir.
@c(closedir)
public func interposedClosedir(_ folder: Int) -> Int32 {
    closeStream(.closedir, folder)
}

private func closeStream(_ call: NextCall, _ stream: Int) -> Int32 {
    var isMeant = unsafe stream != 0 && openStream == UInt(bitPattern: stream)
    if isMeant { unsafe openStream = 0 }
    let result = Int32(truncatingIfNeeded: pass(call, stream, 0))
    // The stream may have been made of a descriptor that was opened before.
    if unsafe openFile >= 0 && isAgentHere && lm_is_open(openFile) == 0 {
        unsafe openFile = -1
        isMeant = true
    }
    if isMeant { lookEnds() }
    return result
}

/// fopen.
@c(fopen)
public func interposedFopen(_ path: UnsafePointer<CChar>?, _ mode: Int) -> Int {
    unsafe openingStream(path) { unsafe pass(.fopen, word(path), mode) }
}

/// fopen64.
@c(fopen64)
public func interposedFopen64(_ path: UnsafePointer<CChar>?, _ mode: Int) -> Int {
    // musl has no definition of this name.
    let call = unsafe next(.fopen64) != nil ? NextCall.fopen64 : .fopen
    return unsafe openingStream(path) { unsafe pass(call, word(path), mode) }
}

/// Nothing is read before the program asks for it.
private func openingStream(_ path: UnsafePointer<CChar>?, _ call: () -> Int) -> Int {
    let stream = call()
    if unsafe look(at: path, found: stream != 0 && stream != -1, files: true) {
        unsafe openStream = UInt(bitPattern: stream)
    }
    return stream
}

/// fclose.
@c(fclose)
public func interposedFclose(_ stream: Int) -> Int32 { closeStream(.fclose, stream) }

/// close.
@c(close)
public func interposedClose(_ file: Int32) -> Int32 {
    Int32(truncatingIfNeeded: closeForProgram(file) { pass(.close, Int(file), 0) })
}

/// Closes a file in some way.
func closeForProgram(_ file: Int32, _ call: () -> Int) -> Int {
    // A child of vfork closes its own.
    let isMeant = unsafe file >= 0 && file == openFile && isAgentHere
    if isMeant { unsafe openFile = -1 }
    let result = call()
    // A signal handler closes files, too: then the thread comes back with a later call.
    if isMeant, !isAnySignalBlocked { lookEnds() }
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
    if unsafe look(at: path, found: file >= 0, files: true) { unsafe openFile = file }
    return file
}

/// Whether a call opens a file.
func isOpening(_ number: Int) -> Bool {
    number == Int(LM_SYS_OPENAT) || number == Int(LM_SYS_OPEN) || number == Int(LM_SYS_OPENAT2)
}

/// Makes a call by number that opens a file.
func openByNumber(_ number: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int, _ e: Int, _ f: Int) -> Int {
    let path = number == Int(LM_SYS_OPEN) ? a : b
    return unsafe Int(
        opening(UnsafePointer(bitPattern: path)) { nextSyscall(number, a, b, c, d, e, f) })
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
