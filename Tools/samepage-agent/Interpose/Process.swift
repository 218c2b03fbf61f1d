internal import CLinuxMemory

/// prctl: PR_SET_MEMORY_MERGE is for us, all else for the kernel. The arguments are variadic in C: a call that
/// passes fewer has others' bytes in the rest, as it has for libc's own.
@c(prctl)
public func interposedPrctl(_ option: Int32, _ a: Int, _ b: Int, _ c: Int, _ d: Int) -> Int32 {
    answer(controlForProgram(option, a, b, c, d))
}

func controlForProgram(_ option: Int32, _ a: Int, _ b: Int, _ c: Int, _ d: Int) -> Int32 {
    if !isAgentOff, option == Int32(LM_PR_SET_MEMORY_MERGE) {
        guard b == 0, c == 0, d == 0 else { return -Int32(LM_EINVAL) }
        return mergeAny(a != 0)
    }
    if !isAgentOff, option == Int32(LM_PR_GET_MEMORY_MERGE) {
        guard a == 0, b == 0, c == 0, d == 0 else { return -Int32(LM_EINVAL) }
        return Int32(bitPattern: unsafe lm_atomic_load(&mergesAny))
    }
    func call() -> Int32 { nextIntCall(.prctl, Int(LM_SYS_PRCTL), Int(option), a, b, c, d) }
    if option == Int32(LM_PR_SET_VMA) { return nameForProgram(UInt(bitPattern: b), c, call) }
    if option == Int32(LM_PR_SET_SECCOMP) {
        return Int32(truncatingIfNeeded: filterByControl(a, b) { Int(call()) })
    }
    // What the calling thread alone gives up counts for the program's whole process.
    if lm_is_given_up_by_thread(option) != 0, isAgentHere, lm_thread_id() == lm_process_id() {
        return Int32(truncatingIfNeeded: alone { Int(call()) })
    }
    return call()
}

private func mergeAny(_ isOn: Bool) -> Int32 {
    guard isOn else {
        guard unsafe lm_atomic_exchange(&mergesAny, 0) != 0, isWatching else { return 0 }
        return takeOff(0, UInt.max & ~4095, inPlace: true) ? 0 : -Int32(LM_ENOMEM)
    }
    guard unsafe lm_atomic_exchange(&mergesAny, 1) == 0, enterCall() else { return 0 }
    let isWanted = wantAllMappings()
    AgentLock.release()
    unsafe lm_atomic_store(&isAskedFor, 1)
    if isWanted { wakeAgent() }
    return 0
}
