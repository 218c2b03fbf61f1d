internal import CLinuxMemory

// The program's own calls, carried out: by the kernel, or by the next library that wants to see them. Each answers as the
// kernel does, with minus the error number.
//
// A call by number goes to the next library's syscall, or to the kernel, and never to the function of that name: without the agent
// that would not see it either, and many such functions make their call by number.

/// Carries out a call that the program made by number.
func byNumber(_ call: () -> Int) -> Int {
    guard someAreForeign else { return call() }
    let before = lm_exchange_by_number(1)
    defer { _ = lm_exchange_by_number(before) }
    return call()
}

/// Whether a call by number is the one that this thread is just passing on: it is in the tables already, or will be.
func isPassedOn(_ number: Int) -> Bool {
    guard someAreForeign else { return false }
    return lm_passed_on() == number + 1
}

/// Lets another library's function make a call.
private func passOn<Result>(_ number: Int, _ call: () -> Result) -> Result {
    let before = lm_exchange_passed_on(number + 1)
    defer { _ = lm_exchange_passed_on(before) }
    return AgentLock.away(call)
}

/// The next library's function for a call of this thread; `nil` where the kernel is next.
private func function(_ call: NextCall) -> UnsafeMutableRawPointer? {
    guard let function = unsafe foreign(call), lm_is_by_number() == 0 else { return nil }
    return unsafe function
}

/// Asks the kernel, or the next library's syscall where the program called that.
private func callByNumber(
    _ number: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0
) -> Int {
    guard let function = unsafe foreign(.syscall), lm_is_by_number() != 0 else {
        return lm_system_call(number, a, b, c, d, e, f)
    }
    return passOn(number) { unsafe lm_call_next_syscall(function, number, a, b, c, d, e, f) }
}

/// A call that answers a word.
func nextCall(
    _ call: NextCall, _ number: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0
) -> Int {
    guard let function = unsafe function(call) else { return callByNumber(number, a, b, c, d, e, f) }
    return passOn(number) { unsafe lm_call_next(function, a, b, c, d, e, f) }
}

/// A call that answers an int.
func nextIntCall(
    _ call: NextCall, _ number: Int, _ a: Int, _ b: Int, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0
) -> Int32 {
    guard let function = unsafe function(call) else {
        return Int32(truncatingIfNeeded: callByNumber(number, a, b, c, d, e))
    }
    return passOn(number) { unsafe lm_call_next_int_5(function, a, b, c, d, e) }
}

/// setrlimit, whose function takes no process and answers no old limit; all others make it a call of prlimit.
func nextSetrlimit(_ call: NextCall, _ resource: Int32, _ limit: Int) -> Int32 {
    guard let function = unsafe function(call) else {
        return nextIntCall(call, Int(LM_SYS_PRLIMIT64), 0, Int(resource), limit)
    }
    return passOn(Int(LM_SYS_PRLIMIT64)) { unsafe lm_call_next_int(function, Int(resource), limit, 0) }
}

func nextMmap(_ address: UInt, _ size: Int, _ protection: Int32, _ flags: Int32, _ file: Int32, _ offset: Int) -> Int {
    let call = unsafe foreign(.mmap64) != nil ? NextCall.mmap64 : .mmap
    return nextCall(
        call, Int(LM_SYS_MMAP), Int(bitPattern: address), size, Int(protection), Int(flags), Int(file), offset)
}

func nextMunmap(_ address: UInt, _ size: Int) -> Int32 {
    nextIntCall(.munmap, Int(LM_SYS_MUNMAP), Int(bitPattern: address), size)
}

func nextMadvise(_ address: UInt, _ size: Int, _ advice: Int32) -> Int32 {
    nextIntCall(.madvise, Int(LM_SYS_MADVISE), Int(bitPattern: address), size, Int(advice))
}

func nextMprotect(_ address: UInt, _ size: Int, _ protection: Int32) -> Int32 {
    nextIntCall(.mprotect, Int(LM_SYS_MPROTECT), Int(bitPattern: address), size, Int(protection))
}

func nextMremap(_ old: UInt, _ oldSize: Int, _ newSize: Int, _ flags: Int32, _ address: UInt) -> Int {
    nextCall(
        .mremap, Int(LM_SYS_MREMAP), Int(bitPattern: old), oldSize, newSize, Int(flags), Int(bitPattern: address))
}

func nextSetsockopt(_ socket: Int, _ level: Int, _ option: Int, _ value: Int, _ size: Int) -> Int32 {
    nextIntCall(.setsockopt, Int(LM_SYS_SETSOCKOPT), socket, level, option, value, size)
}

func nextSyscall(_ number: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int, _ e: Int, _ f: Int) -> Int {
    guard let function = unsafe foreign(.syscall) else { return lm_system_call(number, a, b, c, d, e, f) }
    return passOn(number) { unsafe lm_call_next_syscall(function, number, a, b, c, d, e, f) }
}
