internal import CLinuxMemory

/// Ends merging in this process for good: all pages get memory of their own, the agent's thread ends, and the calls of
/// the program are the kernel's own from now on.
///
/// Pages that were rewritten may be pinned, and stay over their frames. Ranges that have such pages are still watched, by
/// calls that ask the kernel for nothing but the change itself. The lock is not held.
func giveUpMerging() {
    unsafe lm_atomic_store(&mergesAny, 0)
    _ = takeOff(0, UInt.max & ~4095)
    _ = holdOffAgentThread()
    // What was marked meanwhile is not merged any more.
    turnOff()
    AgentLock.awaitOthers()
}

/// The same on the agent's thread, which ends afterwards.
func giveUpMergingHere() {
    unsafe lm_atomic_store(&mergesAny, 0)
    withAgentLock { ranges.markUnwanted(0, UInt.max & ~4095) }
    _ = unmergeForProgram(0, UInt.max & ~4095)
    turnOff()
}

/// Forgets all ranges without frames, and switches the agent off.
private func turnOff() {
    guard AgentLock.acquire() else { return }
    // From above: ranges leave the table.
    for position in stride(from: ranges.count - 1, through: 0, by: -1) {
        // SAFETY: a range of the table.
        let range = unsafe ranges[position]
        if unsafe !ranges.hasFrames(range.pointee.base, range.pointee.end) { unsafe ranges.remove(range) }
    }
    unsafe lm_atomic_store(&tables.mappingCount, 0)
    unsafe agentSettings.isOff = true
    AgentLock.release()
}
