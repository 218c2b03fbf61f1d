internal import CLinuxMemory

// A program that filters its own system calls (seccomp) lists what it needs, and knows nothing of what the agent needs. A filter
// that allows all of that is installed, and merging goes on; before any other the agent does its last work.

/// Filters that were judged and installed by threads of this process.
nonisolated(unsafe) var judgedFilters: UInt32 = 0

/// prctl(PR_SET_SECCOMP).
func filterByControl(_ mode: Int, _ filter: Int, _ call: () -> Int) -> Int {
    switch mode {
    case Int(LM_SECCOMP_MODE_FILTER): install(filter, call)
    case Int(LM_SECCOMP_MODE_STRICT): installStrict(call)
    default: call()
    }
}

/// seccomp.
func filterForProgram(_ operation: Int, _ flags: Int, _ filter: Int) -> Int {
    switch operation {
    case Int(LM_SECCOMP_SET_FILTER):
        return install(filter) { nextSyscall(Int(LM_SYS_SECCOMP), operation, flags, filter, 0, 0, 0) }
    // With flags it is the question whether the kernel knows the call.
    case Int(LM_SECCOMP_SET_STRICT) where flags == 0 && filter == 0:
        return installStrict { nextSyscall(Int(LM_SYS_SECCOMP), operation, flags, filter, 0, 0, 0) }
    default: return nextSyscall(Int(LM_SYS_SECCOMP), operation, flags, filter, 0, 0, 0)
    }
}

/// Installs a filter. The agent's thread starts anew behind it, as a copy of the caller.
private func install(_ filter: Int, _ call: () -> Int) -> Int {
    // Programs ask what the kernel knows by passing no filter.
    guard filter != 0, isAgentHere else { return call() }
    guard isAllowed(by: filter) else {
        giveUpMerging()
        return call()
    }
    return alone {
        let result = call()
        if result >= 0 { _ = unsafe lm_atomic_add(&judgedFilters, 1) }
        return result
    }
}

private func installStrict(_ call: () -> Int) -> Int {
    if isAgentHere { giveUpMerging() }
    return call()
}

/// Whether a filter that the kernel can read allows all that the agent does.
private func isAllowed(by filter: Int) -> Bool {
    guard let description = unsafe readable(filter, MemoryLayout<lm_filter>.size) else { return false }
    // SAFETY: the caller's filter, which is mapped.
    let given = unsafe description.load(as: lm_filter.self)
    let address = unsafe Int(bitPattern: given.instructions)
    let size = unsafe Int(given.count) * MemoryLayout<lm_filter_instruction>.size
    guard unsafe given.count > 0, let start = unsafe readable(address, size) else { return false }
    // SAFETY: so many instructions are mapped.
    return unsafe FilterJudge(
        instructions: start.assumingMemoryBound(to: lm_filter_instruction.self), count: Int(given.count)
    ).allowsAgent()
}

/// Memory of the program that is mapped.
private func readable(_ address: Int, _ size: Int) -> UnsafeRawPointer? {
    let start = UInt(bitPattern: address) & ~4095
    let end = UInt(bitPattern: address) &+ UInt(size)
    guard address & 3 == 0, end > start, lm_test_mapped(start, Int((end - start + 4095) & ~4095)) == 0 else {
        return nil
    }
    return unsafe UnsafeRawPointer(bitPattern: address)
}
