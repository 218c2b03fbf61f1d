internal import CLinuxMemory

// Map entries that merging takes are the program's when it needs them: a call that fails for want of them is made again after
// pages have been un-merged.

/// Makes a call that may need map entries, and again while that helps. The lock is not held.
func withMapEntries(_ call: () -> Int) -> Int {
    var result = call()
    var tries = 0
    while result == -Int(LM_ENOMEM), tries < 8, mayFreeMapEntries(),
        performJob(.freeMapEntries, startsThread: false) > 0
    {
        result = call()
        tries += 1
    }
    return result
}

/// The same for calls that answer an int.
func withMapEntries(_ call: () -> Int32) -> Int32 { Int32(truncatingIfNeeded: withMapEntries { Int(call()) }) }

/// Whether there may be entries that merging has taken, and someone to give them back.
private func mayFreeMapEntries() -> Bool {
    guard !isAgentOff, unsafe lm_atomic_load(&tables.rangeCount) != 0, unsafe lm_atomic_load(&agentThread.state) == 2,
        AgentLock.acquire()
    else { return false }
    AgentLock.release()
    return true
}
