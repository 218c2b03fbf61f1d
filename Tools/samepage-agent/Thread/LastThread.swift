internal import CLinuxMemory

// The agent's thread keeps no process alive. libc counts the threads of its own, and the last to end calls exit(): ours is
// taken out of that count. Threads that end by the system call itself are nobody's count: the agent's thread
// looks whether it is alone, and then ends, too, with the status that the last of them gave.

/// libc's count of threads; 0 where it has none. Set once, by the constructor.
nonisolated(unsafe) private var threadCount: UInt = 0
/// 1 when a thread of the program is about to end by the system call.
nonisolated(unsafe) private var endIsNear: UInt32 = 0

/// 256 and the status of a thread that ended so after the first one; 0: nobody did.
nonisolated(unsafe) private var laterStatus: UInt32 = 0

/// Looks up libc's count: in the constructor.
func findThreadCount() { unsafe threadCount = UInt(bitPattern: lm_thread_count()) }

/// A thread of the agent's has been created (-1), or is about to return to libc, which takes it off (1). libc's count is
/// then of the program's threads alone.
func correctThreadCount(by change: Int32) {
    guard let count = unsafe UnsafeMutablePointer<UInt32>(bitPattern: threadCount) else { return }
    // SAFETY: libc's own variable, which it changes atomically, too.
    _ = unsafe lm_atomic_add(count, UInt32(bitPattern: change))
}

/// Whether the program has no thread but the one that asks; `false` where libc's count is not known.
func programHasOneThread() -> Bool {
    guard let count = unsafe UnsafeMutablePointer<UInt32>(bitPattern: threadCount) else { return false }
    // SAFETY: libc's own variable.
    return unsafe lm_atomic_load(count) <= 1
}

/// A thread of the program ends by the exit system call.
func announceThreadEnd(status: Int) {
    guard isAgentHere, unsafe lm_atomic_load(&agentThread.state) == 2 else { return }
    // Else the first thread has a later word.
    if lm_thread_id() != lm_process_id(), isFirstThreadGone() {
        unsafe lm_atomic_store(&laterStatus, 256 | UInt32(status & 255))
    }
    unsafe lm_atomic_store(&endIsNear, 1)
    ringDoorbell()
}

/// Looks now and then whether the program still has threads: the agent's thread only.
@safe
struct LastThread {
    /// The folder of the process's threads, and what is known of the first one, in /proc; -1 where there is no /proc.
    private var folder: Int32 = -1
    private var first: Int32 = -1
    /// When to look next.
    private(set) var due: UInt64 = 0
    /// The pause after the next look, while an end is near; 0 if none is.
    private var pause: UInt64 = 0

    /// Opens the files: in the thread's own table.
    mutating func open() {
        self = LastThread()
        folder = unsafe lm_open(text("/proc/self/task"), Int32(LM_O_RDONLY))
        first = unsafe lm_open(text("/proc/self/stat"), Int32(LM_O_RDONLY))
    }

    /// Closes them.
    mutating func close() {
        if folder >= 0 { _ = lm_close(folder) }
        if first >= 0 { _ = lm_close(first) }
        self = LastThread()
    }

    /// Looks if it is time; does not return if no thread of the program is left.
    mutating func look() {
        if unsafe lm_atomic_exchange(&endIsNear, 0) != 0 {
            pause = 1_000_000
        } else if now() < due {
            return
        }
        // A folder has two links of its own, and one for each thread: this one, the one of traps, and the first, which stays
        // until the process ends.
        let state = lm_read_first_thread(first)
        if state.is_gone != 0, lm_link_count(folder) == 4 + trap.threadCount {
            trap.stop()
            let later = unsafe lm_atomic_load(&laterStatus)
            lm_end_thread(later != 0 ? Int32(later & 255) : state.status)
        }
        if pause != 0, pause < 1_000_000_000 {
            due = now() + pause
            pause *= 2
        } else {
            pause = 0
            due = now() + (state.is_gone != 0 ? 300_000_000 : 5_000_000_000)
        }
    }
}

/// Whether the first thread of the process has ended.
private func isFirstThreadGone() -> Bool {
    let file = unsafe lm_open(text("/proc/self/stat"), Int32(LM_O_RDONLY))
    guard file >= 0 else { return false }
    defer { _ = lm_close(file) }
    return lm_read_first_thread(file).is_gone != 0
}

/// The look of the process's agent.
@safe
nonisolated(unsafe) var lastThread = LastThread()
