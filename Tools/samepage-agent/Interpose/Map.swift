internal import CLinuxMemory

/// mmap: what the program maps privately and anonymously may be merged later.
@c(mmap)
public func interposedMmap(
    _ address: UInt, _ size: Int, _ protection: Int32, _ flags: Int32, _ descriptor: Int32, _ offset: Int
) -> Int {
    answer(withMapEntries { mapForProgram(address, size, protection, flags, descriptor, offset) })
}

/// mmap64: the same on 64-bit machines, and the name that most programs call.
@c(mmap64)
public func interposedMmap64(
    _ address: UInt, _ size: Int, _ protection: Int32, _ flags: Int32, _ descriptor: Int32, _ offset: Int
) -> Int {
    answer(withMapEntries { mapForProgram(address, size, protection, flags, descriptor, offset) })
}

/// munmap.
@c(munmap)
public func interposedMunmap(_ address: UInt, _ size: Int) -> Int32 {
    answer(withMapEntries { unmapForProgram(address, size) })
}

/// shmat: with SHM_REMAP it replaces what is mapped.
@c(shmat)
public func interposedShmat(_ segment: Int32, _ address: UInt, _ flags: Int32) -> Int {
    answer(attachForProgram(segment, address, flags))
}

func mapForProgram(
    _ address: UInt, _ size: Int, _ protection: Int32, _ flags: Int32, _ descriptor: Int32, _ offset: Int
) -> Int {
    let special = Int32(LM_MAP_HUGETLB | LM_MAP_GROWSDOWN)
    let isPlain =
        flags & Int32(LM_MAP_TYPE) == Int32(LM_MAP_PRIVATE) && flags & Int32(LM_MAP_ANONYMOUS) != 0
        && flags & special == 0 && !isAgentOff
    let isFixed = flags & Int32(LM_MAP_FIXED) != 0
    if isFixed, let end = pageEnd(address, size), ownPlace(address, end) != nil { return -Int(LM_ENOMEM) }
    guard isPlain || isFixed && isWatching else {
        return nextMmap(address, size, protection, flags, descriptor, offset)
    }
    var result = 0
    // What is mapped where nothing was needs the lock for the books alone, not for the time that populating takes.
    if !isFixed { result = nextMmap(address, size, protection, flags, descriptor, offset) }
    guard lm_is_error(result) == 0, enterCall() else {
        return isFixed ? nextMmap(address, size, protection, flags, descriptor, offset) : result
    }
    if isFixed { result = nextMmap(address, size, protection, flags, descriptor, offset) }
    var isWanted = false
    if lm_is_error(result) == 0, let end = pageEnd(UInt(bitPattern: result), size) {
        let start = UInt(bitPattern: result)
        forget(start, end)
        let isOrdinary = flags & Int32(LM_MAP_STACK | LM_MAP_LOCKED) == 0
        if isPlain { ownMappings.add(start, end, isOrdinary: isOrdinary) }
        if isPlain, isOrdinary, allowsReadAndWriteOnly(protection) { isWanted = wantAny(start, end) }
    } else if isFixed, let end = pageEnd(address, size) {
        // Late failures leave nothing there.
        forgetUnmapped(address, end)
    }
    AgentLock.release()
    if isWanted { wakeAgent(byAllocator: true) }
    return result
}

/// Whether a protection is the one that pages need to be merged.
func allowsReadAndWriteOnly(_ protection: Int32) -> Bool { protection & 7 == Int32(LM_PROT_READ | LM_PROT_WRITE) }

func unmapForProgram(_ address: UInt, _ size: Int) -> Int32 {
    if let end = pageEnd(address, size), let own = ownPlace(address, end) {
        return aroundOwnPlace(own, address, end) { unmapForProgram($0, Int($1 - $0)) }
    }
    guard isWatching, let end = pageEnd(address, size), enterCall() else { return nextMunmap(address, size) }
    let result = nextMunmap(address, size)
    if result == 0 { forget(address, end) }
    AgentLock.release()
    return result
}

func attachForProgram(_ segment: Int32, _ address: UInt, _ flags: Int32) -> Int {
    let call = { nextCall(.shmat, Int(LM_SYS_SHMAT), Int(segment), Int(bitPattern: address), Int(flags)) }
    guard flags & Int32(LM_SHM_REMAP) != 0, isWatching, enterCall() else {
        return call()
    }
    defer { AgentLock.release() }
    // What cannot be measured cannot be watched either.
    let size = lm_shm_size(segment)
    if size < 0 { return size }
    let result = call()
    if lm_is_error(result) == 0, let end = pageEnd(UInt(bitPattern: result), size) {
        forget(UInt(bitPattern: result), end)
    } else if let end = pageEnd(address, size) {
        forgetUnmapped(address, end)
    }
    return result
}
