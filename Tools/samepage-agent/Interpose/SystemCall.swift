internal import CLinuxMemory

/// syscall: programs and allocators that make the calls of this library by number. All others go to the kernel as they
/// are.
@c(syscall)
public func interposedSyscall(
    _ number: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int, _ e: Int, _ f: Int
) -> Int {
    // Another library's function makes the call that we pass on to it by number.
    if isPassedOn(number) { return answer(lm_system_call(number, a, b, c, d, e, f)) }
    return byNumber { callForProgram(number, a, b, c, d, e, f) }
}

private func callForProgram(
    _ number: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int, _ e: Int, _ f: Int
) -> Int {
    switch number {
    case Int(LM_SYS_MMAP): answer(mapForProgram(UInt(bitPattern: a), b, int(c), int(d), int(e), f))
    case Int(LM_SYS_MUNMAP): answer(Int(unmapForProgram(UInt(bitPattern: a), b)))
    case Int(LM_SYS_MREMAP): answer(remapForProgram(UInt(bitPattern: a), b, c, int(d), UInt(bitPattern: e)))
    case Int(LM_SYS_MADVISE): answer(Int(adviseForProgram(UInt(bitPattern: a), b, int(c))))
    case Int(LM_SYS_PROCESS_MADVISE): answer(adviseProcess(int(a), b, c, int(d), int(e)))
    case Int(LM_SYS_MPROTECT): answer(Int(protectForProgram(UInt(bitPattern: a), b, int(c), key: -1)))
    case Int(LM_SYS_PKEY_MPROTECT): answer(Int(protectForProgram(UInt(bitPattern: a), b, int(c), key: int(d))))
    case Int(LM_SYS_MLOCK), Int(LM_SYS_MLOCK2):
        answer(Int(lockForProgram(number, UInt(bitPattern: a), b, c)))
    case Int(LM_SYS_MUNLOCK): answer(Int(unlockForProgram(UInt(bitPattern: a), b)))
    case Int(LM_SYS_MLOCKALL): answer(Int(lockAllForProgram(int(a))))
    case Int(LM_SYS_MUNLOCKALL): answer(Int(unlockAllForProgram()))
    case Int(LM_SYS_SHMAT): answer(attachForProgram(int(a), UInt(bitPattern: b), int(c)))
    case Int(LM_SYS_MSEAL): answer(sealForProgram(UInt(bitPattern: a), b, c))
    case Int(LM_SYS_IOCTL): answer(Int(controlDevice(int(a), UInt(bitPattern: b), c)))
    case Int(LM_SYS_MOVE_PAGES): answer(movePages(half(a), b, c, d, e, f))
    case Int(LM_SYS_MBIND): answer(bindForProgram(UInt(bitPattern: a), b, c, d, e, f))
    case Int(LM_SYS_GET_MEMPOLICY): answer(policyForProgram(a, b, c, d, half(e)))
    case Int(LM_SYS_PRCTL): answer(Int(controlForProgram(int(a), b, c, d, e)))
    case Int(LM_SYS_SECCOMP): answer(filterForProgram(half(a), half(b), c))
    case Int(LM_SYS_VMSPLICE): answer(lendForProgram(a, b, c, d))
    case Int(LM_SYS_SETSOCKOPT): answer(Int(setOptionForProgram(a, b, c, UInt(bitPattern: d), e)))
    case Int(LM_SYS_PRLIMIT64): answer(Int(limitProcess(.prlimit64, int(a), int(b), c, d)))
    case Int(LM_SYS_UNSHARE): answer(unshareForProgram(half(a)))
    case Int(LM_SYS_UMOUNT2): answer(Int(unmountForProgram(.umount2, a, b)))
    case Int(LM_SYS_SETNS): answer(enterForProgram(int(a), int(b)))
    case Int(LM_SYS_MINCORE): answer(Int(residentForProgram(UInt(bitPattern: a), b, c)))
    case Int(LM_SYS_SETITIMER): answer(Int(setTimerForProgram(a, b, c)))
    case _ where changesRights(number): answer(changeRights(number, a, b, c, d, e, f))
    default: answer(callKernel(number, a, b, c, d, e, f))
    }
}

/// process_madvise.
@c(process_madvise)
public func interposedProcessMadvise(
    _ process: Int32, _ pieces: Int, _ count: Int, _ advice: Int32, _ flags: UInt32
) -> Int {
    answer(adviseProcess(process, pieces, count, advice, Int32(bitPattern: flags)))
}

/// An int in a register, whose upper half programs may leave as it was.
private func int(_ value: Int) -> Int32 { Int32(truncatingIfNeeded: value) }

/// The same as a word.
private func half(_ value: Int) -> Int { Int(int(value)) }

/// Advice that changes no content goes to the kernel. All other is for the caller itself only (Linux 6.13 and later), and is
/// given piece by piece, as by madvise. Whether the kernel would take the call it says itself, by an advice that does nothing
/// to content.
private func adviseProcess(_ process: Int32, _ pieces: Int, _ count: Int, _ advice: Int32, _ flags: Int32) -> Int {
    let (process, advice, flags) = (Int(process), Int(advice), Int(flags))
    let changesNothing =
        advice == Int(LM_MADV_COLD) || advice == Int(LM_MADV_PAGEOUT) || advice == Int(LM_MADV_WILLNEED)
    let kernel = { nextCall(.processMadvise, Int(LM_SYS_PROCESS_MADVISE), process, pieces, count, $0, flags) }
    guard !isAgentOff, !changesNothing, isWatching, flags == 0, isThisProcess(process) else { return kernel(advice) }
    let tried = kernel(Int(LM_MADV_COLD))
    if tried == -Int(LM_EFAULT) || tried == -Int(LM_EBADF) || tried == -Int(LM_EPERM) || count <= 0 || count > 1024 {
        return kernel(advice)
    }
    // SAFETY: the kernel has read them: an address and a size each.
    let words = unsafe UnsafePointer<Int>(bitPattern: UInt(bitPattern: pieces)).unsafelyUnwrapped
    var total = 0
    for place in 0..<count {
        if unsafe words[2 * place + 1] < 0 { return -Int(LM_EINVAL) }
    }
    for place in 0..<count {
        let (address, size) = unsafe (UInt(bitPattern: words[2 * place]), words[2 * place + 1])
        let result = adviseForProgram(address, size, int(advice))
        if result != 0 { return total > 0 ? total : Int(result) }
        total += size
    }
    return total
}

/// Whether a descriptor of a process, or a number that stands for one, means this process.
private func isThisProcess(_ process: Int) -> Bool {
    // PIDFD_SELF_THREAD and PIDFD_SELF_THREAD_GROUP.
    if process == -10000 || process == -10001 { return true }
    return lm_pidfd_process(int(process)) == lm_process_id()
}

/// Makes any other call; those that fork hold the lock. A child with a stack of its own cannot return here, so none
/// has one.
private func callKernel(_ number: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int, _ e: Int, _ f: Int) -> Int {
    if number == Int(LM_SYS_EXIT) { announceThreadEnd(status: a) }
    keepWordsApart(number, a, b, c, d, e)
    lendSent(number, b, c, d)
    if isOpening(number) { return openByNumber(number, a, b, c, d, e, f) }
    if number == Int(LM_SYS_CLOSE) { return closeForProgram(int(a)) { nextSyscall(number, a, b, c, d, e, f) } }
    guard forks(number, a, b) else { return nextSyscall(number, a, b, c, d, e, f) }
    return holdingLock { lm_system_call(number, a, b, c, d, e, f) }
}

private func forks(_ number: Int, _ a: Int, _ b: Int) -> Bool {
    switch number {
    case Int(LM_SYS_FORK): return number >= 0
    case Int(LM_SYS_CLONE): return a & Int(LM_CLONE_VM) == 0 && b == 0
    case Int(LM_SYS_CLONE3):
        let place = UInt(bitPattern: a)
        // Flags first, the stack at 40.
        guard b >= 64, let flags = programWord(at: place), let stack = programWord(at: place &+ 40) else {
            return false
        }
        return flags & UInt(LM_CLONE_VM) == 0 && stack == 0
    default: return false
    }
}
