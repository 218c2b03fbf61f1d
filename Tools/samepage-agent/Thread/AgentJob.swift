internal import CLinuxMemory

/// What a thread of the program lets the agent's thread do while it waits.
enum AgentJob {
    /// Give the pages between two addresses memory of their own; see ``unmergeForProgram(_:_:inPlace:)``.
    case unmerge(start: UInt, end: UInt, inPlace: Bool)
    /// mremap of memory that lies over frames.
    case move(MoveRequest)
    /// MADV_DONTNEED and the like on pages over frames whose protection or advice only the kernel knows.
    case discard(start: UInt, end: UInt, advice: Int32)
    /// Give pages memory of their own, and end their tracking: the program registers them with a userfaultfd.
    case giveWay(start: UInt, end: UInt)
    /// mlockall.
    case lockAll(flags: Int32)
    /// What the program may map or lock is limited: see ``AgentMemory/shed(hasRemapper:)``.
    case shed
    /// Un-merge pages, as the process has no map entries left.
    case freeMapEntries

    /// Does it.
    func run() -> Int {
        switch self {
        case .unmerge(let start, let end, let inPlace): Int(unmergeForProgram(start, end, inPlace: inPlace))
        case .move(let request): request.run()
        case .discard(let start, let end, let advice): discardByMap(start, end, advice)
        case .giveWay(let start, let end): samepage_agent.giveWay(start, end)
        case .lockAll(let flags): lockEverything(flags)
        case .shed: shedAddressSpace()
        case .freeMapEntries: samepage_agent.freeMapEntries()
        }
    }
}

/// Lets the agent's thread do something, and returns its answer: 0 or above, or minus an error number. Where there can
/// be no such thread the caller does it. The caller does not hold the lock.
///
/// No signal reaches the caller meanwhile: a handler that asked for another job would wait for itself.
///
/// - Parameter startsThread: Whether it is worth starting the thread for.
func performJob(_ job: AgentJob, startsThread: Bool = true) -> Int {
    // Where system calls are filtered the caller makes none that the job does not need.
    if isAgentOff { return job.run() }
    AgentLock.enter()
    defer { AgentLock.leave() }
    while true { if let result = tryJob(job, startsThread) { return result } }
}

/// One try of ``performJob(_:startsThread:)``; `nil` when the agent's thread ended before it took the job.
private func tryJob(_ job: AgentJob, _ startsThread: Bool) -> Int? {
    // SAFETY: errno of this thread, which starting a thread may change.
    let error = unsafe __errno_location().pointee
    let mask = lm_set_signal_mask(AgentLock.blockedSignals)
    defer {
        _ = lm_set_signal_mask(mask)
        unsafe __errno_location().pointee = error
    }
    if hasAgentDied { outliveAgent() }
    while unsafe lm_atomic_load(&agentThread.state) != 2 {
        if startsThread, startAgentThread() { break }
        // While this thread stands for the agent's, nobody starts that.
        if unsafe lm_atomic_replace(&agentThread.state, 0, 1) == 0 { continue }
        let result = standIn(for: job)
        unsafe lm_atomic_store(&agentThread.state, 0)
        return result
    }
    while unsafe lm_atomic_replace(&jobSlot.turn, 0, 1) == 0 { _ = unsafe lm_futex_wait(&jobSlot.turn, 1, 10_000_000) }
    unsafe jobSlot.job = job
    unsafe lm_atomic_store(&jobSlot.state, JobSlot.posted)
    ringDoorbell()
    while true {
        let state = unsafe lm_atomic_load(&jobSlot.state)
        if state == JobSlot.done { break }
        if unsafe state == JobSlot.posted && lm_atomic_load(&agentThread.state) != 2
            && lm_atomic_replace(&jobSlot.state, JobSlot.posted, JobSlot.empty) != 0
        {
            giveUpTurn()
            return nil
        }
        if unsafe lm_futex_wait(&jobSlot.state, state, 100_000_000) == -Int32(LM_ETIMEDOUT) {
            if hasAgentDied { return nil }
            ringDoorbell()
        }
    }
    let result = unsafe jobSlot.result
    unsafe lm_atomic_store(&jobSlot.state, JobSlot.empty)
    giveUpTurn()
    return result
}

/// Lets the next thread use the slot.
private func giveUpTurn() {
    unsafe lm_atomic_store(&jobSlot.turn, 0)
    _ = unsafe lm_futex_wake(&jobSlot.turn, 1)
}

/// Does the job that waits, if there is one: on the agent's thread, whenever the doorbell rang, and once before its
/// first sleep.
func runPendingJob() {
    unsafe lm_atomic_store(&agentThread.bellRang, 0)
    guard unsafe lm_atomic_replace(&jobSlot.state, JobSlot.posted, JobSlot.running) != 0 else { return }
    unsafe jobSlot.result = jobSlot.job.run()
    unsafe lm_atomic_store(&jobSlot.state, JobSlot.done)
    link.needsLook = true
    _ = unsafe lm_futex_wake(&jobSlot.state, 1)
}

/// The place for one job at a time.
struct JobSlot {
    /// 1 while a thread uses the slot.
    var turn: UInt32 = 0
    /// See the constants.
    var state: UInt32 = 0
    var job = AgentJob.unmerge(start: 0, end: 0, inPlace: true)
    var result = 0

    static var empty: UInt32 { 0 }
    static var posted: UInt32 { 1 }
    static var running: UInt32 { 2 }
    static var done: UInt32 { 3 }
}

/// The slot of the process.
nonisolated(unsafe) var jobSlot = JobSlot()
