internal import CLinuxMemory

/// What is known of the agent's thread.
struct AgentThreadState {
    /// 0: not started, 1: being started, 2: runs.
    var state: UInt32 = 0
    /// Its number; 0 until it runs.
    var number: UInt32 = 0
    /// Its thread pointer; 0 until it runs.
    var pointer: UInt = 0
    /// The process it runs in.
    var process: UInt32 = 0
    /// 1 when the doorbell rang and the thread has not looked yet.
    var bellRang: UInt32 = 0
    /// 1 when the thread is to look after the ranges, and has not begun to.
    var isLookWanted: UInt32 = 0
    /// 1 where no thread may be started: a child that was forked without its libc knowing.
    var isForbidden: UInt32 = 0
    /// How many calls of the program are under way that need the process without the agent's thread.
    var holds: UInt32 = 0
    /// The number of the thread that ended last; 0 once it is known to be gone.
    var endedNumber: UInt32 = 0
    /// When the thread may be started again (monotonic); 0: at any time.
    var earliestStart: UInt = 0
    /// Bit n is set while the program has set its timer of that number, which counts CPU time.
    var cpuTimers: UInt32 = 0
    /// 0: not looked up yet, 1: malloc is libc's, 2: another library's, which may call us with its locks held.
    var mallocKind: UInt32 = 0
}

/// The agent's thread of the process.
nonisolated(unsafe) var agentThread = AgentThreadState()

/// Starts the agent's thread if it does not run; `false` if it cannot be started here. The lock is not held.
///
/// - Parameter byAllocator: Whether the call may come from within malloc, which starting a thread calls.
func startAgentThread(byAllocator: Bool = false) -> Bool {
    if unsafe lm_atomic_load(&agentThread.state) == 2 { return true }
    if unsafe agentThread.isForbidden != 0 || lm_atomic_load(&agentThread.holds) != 0 || isAgentOff { return false }
    let earliest = unsafe lm_atomic_load_wide(&agentThread.earliestStart)
    if earliest != 0, now() < earliest { return false }
    if byAllocator, mallocIsForeign() { return false }
    // A child of vfork must not: the thread would be of its process, and end with it.
    let process = UInt32(bitPattern: lm_process_id())
    guard unsafe process == agentThread.process else { return false }
    // A handler on this thread could wait for it for ever while it starts the other.
    let mask = lm_set_signal_mask(AgentLock.blockedSignals)
    defer { _ = lm_set_signal_mask(mask) }
    guard unsafe lm_atomic_replace(&agentThread.state, 0, 1) != 0 else { return awaitStart() }
    // Someone who needs to be alone may have looked in between: see holdOffAgentThread.
    guard unsafe lm_atomic_add(&agentThread.holds, 0) == 0 else {
        unsafe lm_atomic_store(&agentThread.state, 0)
        return false
    }
    // A tracer would see the thread come, and nothing merges before it has gone; a timer would count the thread's time. The file
    // that tells of tracers must not be in the table of other threads.
    let isTraced = programHasOneThread() && isProgramTraced()
    guard !isTraced, unsafe lm_atomic_load(&agentThread.cpuTimers) == 0 else {
        delayAgentThread(1_000_000_000)
        unsafe lm_atomic_store(&agentThread.state, 0)
        return false
    }
    awaitGone()
    var result = Int32(LM_EINVAL)
    var size = 256 << 10
    // What threads of the program have of their own (TLS) lies on the stack, too, and may need more.
    while result == Int32(LM_EINVAL), let stack = agentMemory.reachFromEnd(.stack, size) {
        // SAFETY: the body is a function of this library, which is never unloaded; no other thread has that stack.
        result = unsafe lm_start_thread(agentThreadBody, stack, size)
        size *= 4
    }
    if result == 0 { correctThreadCount(by: -1) } else { unsafe lm_atomic_store(&agentThread.state, 0) }
    return result == 0
}

/// Whether somebody traces the program's first thread.
private func isProgramTraced() -> Bool {
    let file = unsafe lm_open(text("/proc/self/status"), Int32(LM_O_RDONLY))
    defer { if file >= 0 { _ = lm_close(file) } }
    return Onlookers.isTraced(file)
}

/// Waits until the kernel knows the thread that ended last no more: its stack is the next one's.
///
/// - Parameter end: When to give up, by the monotonic clock. A handler may have interrupted malloc, for whose lock the other thread
///   waits.
func awaitGone(until end: UInt64 = .max) {
    let number = unsafe lm_atomic_exchange(&agentThread.endedNumber, 0)
    guard number != 0 else { return }
    let process = unsafe Int32(bitPattern: agentThread.process)
    while lm_signal_thread(process, Int32(bitPattern: number), 0) == 0 {
        if end != .max, now() >= end {
            unsafe lm_atomic_store(&agentThread.endedNumber, number)
            return
        }
        lm_yield()
    }
}

/// Whether the agent's thread has ended with its process, while this one goes on with the same memory (clone with CLONE_VM).
var hasAgentDied: Bool {
    let (process, number) = unsafe (agentThread.process, lm_atomic_load(&agentThread.number))
    guard number != 0, process != UInt32(bitPattern: lm_process_id()) else { return false }
    let result = lm_signal_thread(Int32(bitPattern: process), Int32(bitPattern: number), 0)
    // In another namespace of processes, where the parent has no number, the agent's means nothing.
    return result == -Int32(LM_ESRCH) && lm_parent_id() != 0
}

/// This process is all that is left of one whose agent has died. Nothing more is merged.
func outliveAgent() {
    guard AgentLock.acquire() else { return }
    if hasAgentDied { becomeForkedChild(mayStartThread: false) }
    AgentLock.release()
}

/// Whether malloc is another library's than libc, whose own never calls the functions that we interpose.
func mallocIsForeign() -> Bool {
    if unsafe agentThread.mallocKind == 0 { unsafe agentThread.mallocKind = lm_malloc_is_of_libc() != 0 ? 1 : 2 }
    return unsafe agentThread.mallocKind == 2
}

/// Another thread is starting it.
private func awaitStart() -> Bool {
    while unsafe lm_atomic_load(&agentThread.state) == 1 { lm_yield() }
    return unsafe lm_atomic_load(&agentThread.state) == 2
}

/// Tells the agent's thread that there is something to do.
func ringDoorbell() {
    let number = unsafe lm_atomic_load(&agentThread.number)
    guard number != 0 else { return }
    unsafe lm_atomic_store(&agentThread.bellRang, 1)
    let process = unsafe Int32(bitPattern: agentThread.process)
    let result = lm_signal_thread(process, Int32(bitPattern: number), Int32(LM_DOORBELL_SIGNAL))
    // The user's signals that wait are as many as there may be (RLIMIT_SIGPENDING).
    if result == -Int32(LM_EAGAIN) {
        SpareBell.ring(process, Int32(bitPattern: number))
    }
}

/// Has the agent's thread look after the ranges. No system call where it is about to do so, at most a tenth of a second later.
func ringDoorbellOnce() {
    if unsafe lm_atomic_exchange(&agentThread.isLookWanted, 1) == 0 { ringDoorbell() }
}

private let agentThreadBody: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { _ in
    _ = lm_set_signal_mask(AgentLock.blockedSignals)
    unsafe agentThread.pointer = UInt(lm_this_thread())
    unsafe lm_atomic_store(&agentThread.number, UInt32(bitPattern: lm_thread_id()))
    unsafe lm_atomic_store(&agentThread.state, 2)
    unsafe lm_name_thread(text("samepage"))
    lm_take_normal_priority()
    // A table of its own: the program can close or reuse any number without making this thread use a wrong file, and
    // forked children inherit none of its files. Numbers 0 to 2 lead nowhere.
    if lm_close_range(0, UInt32.max, UInt32(LM_CLOSE_RANGE_UNSHARE)) == 0 {
        for _ in 0..<3 { _ = unsafe lm_open(text("/dev/null"), Int32(LM_O_RDWR)) }
        lastThread.open()
        agentMain()
    } else {
        // Without a table of its own nothing is merged; jobs are still answered.
        while !mustAgentThreadEnd {
            runPendingJob()
            _ = unsafe lm_futex_wait(&agentThread.bellRang, 0, 1_000_000_000)
        }
    }
    leaveAgentThread()
    return nil
}
