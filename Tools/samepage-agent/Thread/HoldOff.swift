internal import CLinuxMemory

// The agent's thread is a guest. Where the program needs to be alone, or to have the thread's place, the thread ends; it starts
// again by the next call of the program that has something for it. What is merged stays merged meanwhile.

/// Whether the agent's thread is asked to end: it looks whenever it has done a step, and when the doorbell rings.
var mustAgentThreadEnd: Bool { unsafe lm_atomic_load(&agentThread.holds) != 0 }

/// Ends the agent's thread, and keeps it from starting until ``letAgentThreadStart()``. Returns when the kernel knows the
/// thread no more. The lock is not held.
///
/// - Parameter patience: Nanoseconds after which an ended thread that the kernel still knows is not waited for.
/// - Returns: Whether a thread ended.
func holdOffAgentThread(patience: UInt64 = .max) -> Bool {
    _ = unsafe lm_atomic_add(&agentThread.holds, 1)
    var hasEnded = false
    while true {
        let state = unsafe lm_atomic_add(&agentThread.state, 0)
        if state == 0 { break }
        if state == 2 {
            hasEnded = true
            ringDoorbell()
            _ = unsafe lm_futex_wait(&agentThread.state, 2, 10_000_000)
        } else {
            // It is being started, or another thread stands for it.
            lm_yield()
        }
    }
    awaitGone(until: patience == .max ? .max : now() + patience)
    return hasEnded
}

/// Takes back one ``holdOffAgentThread()``. The thread starts at once if there is something for it.
func letAgentThreadStart() {
    _ = unsafe lm_atomic_add(&agentThread.holds, UInt32.max)
    if unsafe lm_atomic_load(&tables.rangeCount) != 0 { wakeAgent() }
}

/// Makes a call that needs the process without the agent's thread, or after which that thread would keep what the caller
/// gave up: it ends before the call, and starts afterwards as a copy of the caller.
///
/// - Parameter call: Returns 0 or above, or minus an error number.
func alone(_ call: () -> Int) -> Int {
    guard isAgentHere else { return call() }
    let hasEnded = holdOffAgentThread()
    var result = call()
    // The kernel counts what a thread shared a moment longer than the thread.
    var tries = 0
    while hasEnded, result == -Int(LM_EINVAL) || result == -Int(LM_EUSERS), tries < 20 {
        lm_yield()
        result = call()
        tries += 1
    }
    letAgentThreadStart()
    return result
}

/// Whether the caller's process is the one that the agent's thread would be of: a child of vfork is not.
var isAgentHere: Bool {
    if isAgentOff { return false }
    return unsafe agentThread.process == UInt32(bitPattern: lm_process_id())
}

/// The agent's thread asks to be started no sooner than after a time.
func delayAgentThread(_ nanoseconds: UInt64) {
    unsafe lm_atomic_store_wide(&agentThread.earliestStart, UInt(now() &+ nanoseconds))
}

/// The last thing that the agent's thread does.
func leaveAgentThread() {
    correctThreadCount(by: 1)
    unsafe agentThread.pointer = 0
    unsafe lm_atomic_store(&agentThread.endedNumber, lm_atomic_exchange(&agentThread.number, 0))
    unsafe lm_atomic_store(&agentThread.state, 0)
    // Whoever waits for a job does it, and whoever waits for the end goes on.
    _ = unsafe lm_futex_wake(&jobSlot.state, 1)
    _ = unsafe lm_futex_wake(&agentThread.state, Int32.max)
}

/// Whether the calling thread blocks a signal, as it does in a handler: no thread can be started there.
var isAnySignalBlocked: Bool {
    let mask = lm_set_signal_mask(AgentLock.blockedSignals)
    _ = lm_set_signal_mask(mask)
    return mask != 0
}
