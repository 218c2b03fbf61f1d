internal import CLinuxMemory

/// pthread_exit: a process ends when the last of its threads does, and the agent's thread would keep it for ever when the
/// first thread is gone. The first thread therefore waits here for the others of the program, and then ends the process
/// as libc would. Its cleanup handlers do not run in that case.
@c(pthread_exit)
public func interposedThreadExit(_ result: UnsafeMutableRawPointer?) -> Never {
    if unsafe !isAgentOff && lm_process_id() == lm_thread_id() && lm_atomic_load(&agentThread.state) != 0 {
        var pause: Int64 = 1_000_000
        // Where it cannot be read the others must not be cut short: rather the process never ends.
        while let count = numberOfThreads() {
            // This thread and the agent's.
            if count <= 2 { exit(0) }
            var word: UInt32 = 0
            _ = unsafe lm_futex_wait(&word, 0, pause)
            pause = pause < 100_000_000 ? pause * 2 : pause
        }
    }
    if let function = unsafe lm_next_symbol(text("pthread_exit")) {
        // SAFETY: libc's pthread_exit.
        unsafe unsafeBitCast(function, to: (@convention(c) (UnsafeMutableRawPointer?) -> Void).self)(result)
    }
    exit(0)
}

/// The threads of the process by the kernel's account; `nil` if it cannot be read.
private func numberOfThreads() -> Int? {
    let file = unsafe lm_open(text("/proc/self/status"), Int32(LM_O_RDONLY))
    guard file >= 0 else { return nil }
    defer { _ = lm_close(file) }
    var room = InlineArray<4096, UInt8>(repeating: 0)
    // SAFETY: the room has that size.
    let size = unsafe withUnsafeMutableBytes(of: &room) { unsafe lm_read(file, $0.baseAddress.unsafelyUnwrapped, 4096) }
    guard size > 0 else { return nil }
    let name: StaticString = "\nThreads:\t"
    let length = name.utf8CodeUnitCount
    var start = 0
    while start + length < size {
        var matched = 0
        // SAFETY: below the length of the literal.
        while matched < length, unsafe room[start + matched] == name.utf8Start[matched] { matched += 1 }
        if matched == length { break }
        start += 1
    }
    var count: Int?
    var place = start + length
    while place < size, room[place] >= 48, room[place] < 58 {
        count = (count ?? 0) * 10 + Int(room[place] - 48)
        place += 1
    }
    return count
}
