internal import CLinuxMemory

// A userfaultfd of the program's own: a mapping belongs to one context at a time, and ours gives way. The kernel tells us at
// the next look which memory it is, as tracking fails there.

/// ioctl: only what registers memory with a userfaultfd, or takes it back, is looked at. The last argument is variadic in C.
@c(ioctl)
public func interposedIoctl(_ descriptor: Int32, _ request: UInt, _ argument: Int) -> Int32 {
    answer(controlDevice(descriptor, request, argument))
}

func controlDevice(_ descriptor: Int32, _ request: UInt, _ argument: Int) -> Int32 {
    let isRegister = request & 0xFFFF_FFFF == UInt(LM_UFFDIO_REGISTER)
    guard isRegister || request & 0xFFFF_FFFF == UInt(LM_UFFDIO_UNREGISTER) else {
        return callDevice(descriptor, request, argument)
    }
    let result = callDevice(descriptor, request, argument)
    let mayBeOurs = isRegister ? result == -Int32(LM_EBUSY) : result == 0
    guard mayBeOurs, isWatching, argument != 0 else { return result }
    // SAFETY: the kernel has read the structure; both begin with an address and a size.
    let words = unsafe UnsafePointer<UInt>(bitPattern: UInt(bitPattern: argument)).unsafelyUnwrapped
    let start = unsafe words[0]
    guard let end = unsafe pageEnd(start, Int(bitPattern: words[1])), start < end else { return result }
    guard isRegister else {
        // The program has let go: it may merge again.
        guard enterCall() else { return result }
        let isKnown = ranges.touches(start, end)
        if isKnown { ranges.markForExamination(start, end) }
        AgentLock.release()
        if isKnown { ringDoorbellOnce() }
        return result
    }
    return registerForProgram(start, end, descriptor, argument)
}

private func callDevice(_ descriptor: Int32, _ request: UInt, _ argument: Int) -> Int32 {
    nextIntCall(.ioctl, Int(LM_SYS_IOCTL), Int(descriptor), Int(bitPattern: request), argument)
}

/// Registers memory that we track, or that lies over frames. A page that was written since its merge stays over its frame,
/// where a discarded one could not be missing: then the answer stays EBUSY.
private func registerForProgram(_ start: UInt, _ end: UInt, _ descriptor: Int32, _ argument: Int) -> Int32 {
    // The agent's thread may look at the memory, and track it again, before the call.
    for _ in 0..<3 {
        guard performJob(.giveWay(start: start, end: end)) == 0, enterCall() else { break }
        defer { AgentLock.release() }
        if ranges.hasFrames(start, end) { continue }
        let result = callDevice(descriptor, UInt(LM_UFFDIO_REGISTER), argument)
        if result != -Int32(LM_EBUSY) { return result }
    }
    if enterCall() {
        ranges.markForExamination(start, end)
        AgentLock.release()
        ringDoorbellOnce()
    }
    return -Int32(LM_EBUSY)
}

/// Gives pages memory of their own and ends their tracking, on the agent's thread. They stay wanted, and are unfit.
func giveWay(_ start: UInt, _ end: UInt) -> Int {
    let result = unmergeForProgram(start, end)
    withAgentLock {
        keepZeros(start, end)
        ranges.markUnfit(start, end, retry: false)
        unsafe ranges.forEachPart(start, end) { range, first, last in
            unsafe untrack(range.address(of: UInt32(first)), last - first)
        }
    }
    return Int(result)
}

/// Pages of zeros that were given back get memory again: for the program they are there. The lock is held.
private func keepZeros(_ start: UInt, _ end: UInt) {
    unsafe ranges.forEachPart(start, end) { range, first, last in
        // SAFETY: pages of the range, under the lock.
        for page in first..<last where unsafe range.pointee.entries[page].isGivenBack {
            let address = unsafe range.address(of: UInt32(page))
            AgentLock.writing { _ = lm_madvise(address, 4096, Int32(LM_MADV_POPULATE_WRITE)) }
        }
    }
}
