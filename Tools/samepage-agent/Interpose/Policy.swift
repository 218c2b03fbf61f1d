internal import CLinuxMemory

// Calls about where memory lies, and what it is called. libnuma makes them by number.

/// mbind: memory with a policy of its own is not merged, and frames would hand the policy on to their file.
func bindForProgram(_ address: UInt, _ size: Int, _ mode: Int, _ nodes: Int, _ most: Int, _ flags: Int) -> Int {
    let call = { nextSyscall(Int(LM_SYS_MBIND), Int(bitPattern: address), size, mode, nodes, most, flags) }
    guard isWatching, !isAgentOff, let end = pageEnd(address, size), address < end else { return call() }
    unmergeBeforeCall(address, end)
    guard enterCall() else { return call() }
    let isKnown = ranges.touches(address, end)
    if isKnown { ranges.markUnfit(address, end, retry: false) }
    AgentLock.release()
    let result = call()
    if isKnown { examineAgain(address, end) }
    return result
}

/// get_mempolicy of an address: pages over frames have no policy of their own, as no memory with one is merged. The kernel is
/// asked for memory that has none either.
func policyForProgram(_ mode: Int, _ nodes: Int, _ most: Int, _ address: Int, _ flags: Int) -> Int {
    var place = address
    let page = UInt(bitPattern: address) & ~4095
    if isWatching, flags == Int(LM_MPOL_F_ADDR), page < UInt.max - 4095, enterCall() {
        if ranges.hasFrames(page, page + 4096) { place = Int(bitPattern: agentMemory.bounds.start) }
        AgentLock.release()
    }
    return nextSyscall(Int(LM_SYS_GET_MEMPOLICY), mode, nodes, most, place, flags, 0)
}

/// PR_SET_VMA_ANON_NAME: only anonymous memory can have a name.
func nameForProgram(_ address: UInt, _ size: Int, _ call: () -> Int32) -> Int32 {
    if isWatching, !isAgentOff, let end = pageEnd(address, size), address < end { unmergeBeforeCall(address, end) }
    return call()
}
