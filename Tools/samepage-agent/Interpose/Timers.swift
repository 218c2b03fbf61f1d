internal import CLinuxMemory

// A timer of the CPU time that the process uses (ITIMER_VIRTUAL, ITIMER_PROF) is meant for the program's own: a profiler, or a
// program that is to be told when it has computed for so long. While one runs the agent's thread stays away.

/// setitimer.
@c(setitimer)
public func interposedSetitimer(_ kind: Int32, _ new: Int, _ old: Int) -> Int32 {
    answer(setTimerForProgram(Int(kind), new, old))
}

func setTimerForProgram(_ kind: Int, _ new: Int, _ old: Int) -> Int32 {
    let result = nextIntCall(.setitimer, Int(LM_SYS_SETITIMER), kind, new, old)
    guard result == 0, kind == Int(LM_ITIMER_VIRTUAL) || kind == Int(LM_ITIMER_PROF), isAgentHere else { return result }
    let before = unsafe lm_atomic_load(&agentThread.cpuTimers)
    // The value follows the interval. Without an address the kernel stops the timer.
    let value = UInt(bitPattern: new) &+ 16
    let isSet = new != 0 && (programWord(at: value) ?? 0) | (programWord(at: value &+ 8) ?? 0) != 0
    let timers = isSet ? before | 1 << UInt32(kind) : before & ~(1 << UInt32(kind))
    unsafe lm_atomic_store(&agentThread.cpuTimers, timers)
    if before == 0 { unsafe timersSince = now() }
    if timers != 0 {
        _ = holdOffAgentThread()
        letAgentThreadStart()
    } else if before != 0 {
        // Where timers come and go, and in a signal handler, the thread comes back with a later call.
        if unsafe now() &- timersSince < shortTimer || isAnySignalBlocked {
            stayAway()
        } else {
            delayAgentThread(0)
            if unsafe lm_atomic_load(&tables.rangeCount) != 0 { wakeAgent() }
        }
    }
    return result
}

/// When the first of the timers that run was set.
nonisolated(unsafe) private var timersSince: UInt64 = 0
/// Timers that run no longer than that may be set for each request of a server.
private var shortTimer: UInt64 { 500_000_000 }
