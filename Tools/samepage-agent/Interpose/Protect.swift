internal import CLinuxMemory

/// mprotect: pages that are not plainly readable and writable cannot be merged, and merge again when they are.
@c(mprotect)
public func interposedMprotect(_ address: UInt, _ size: Int, _ protection: Int32) -> Int32 {
    answer(withMapEntries { protectForProgram(address, size, protection) })
}

/// pkey_mprotect: pages with a key of their own cannot be merged.
@c(pkey_mprotect)
public func interposedPkeyMprotect(_ address: UInt, _ size: Int, _ protection: Int32, _ key: Int32) -> Int32 {
    answer(protectForProgram(address, size, protection, key: key))
}

private func allowsReading(_ protection: Int32) -> Bool { protection & Int32(LM_PROT_READ) != 0 }

func protectForProgram(_ address: UInt, _ size: Int, _ protection: Int32) -> Int32 {
    // What lies before a gap is protected, what lies behind it is not.
    if let end = pageEnd(address, size), let own = ownPlace(address, end, endsUse: !allowsReading(protection)) {
        let result = address < own.start ? protectForProgram(address, Int(own.start - address), protection) : 0
        return result != 0 ? result : -Int32(LM_ENOMEM)
    }
    return protectForProgram(address, size, isPlain: allowsReadAndWriteOnly(protection)) {
        nextMprotect(address, size, protection)
    }
}

func protectForProgram(_ address: UInt, _ size: Int, _ protection: Int32, key: Int32) -> Int32 {
    if let end = pageEnd(address, size), ownPlace(address, end, endsUse: !allowsReading(protection)) != nil {
        return -Int32(LM_ENOMEM)
    }
    return protectForProgram(address, size, isPlain: allowsReadAndWriteOnly(protection) && key <= 0) {
        nextIntCall(
            .pkeyMprotect, Int(LM_SYS_PKEY_MPROTECT), Int(bitPattern: address), size, Int(protection), Int(key))
    }
}

func protectForProgram(_ address: UInt, _ size: Int, isPlain: Bool, _ call: () -> Int32) -> Int32 {
    guard isWatching, let end = pageEnd(address, size), enterCall() else { return call() }
    // Also where it fails, a part may have changed.
    let result = call()
    var isWanted = false
    if isPlain {
        if result == 0 { isWanted = wantOwn(address, end) }
        if ranges.touches(address, end) {
            ranges.markForExamination(address, end)
            isWanted = true
        }
    } else {
        ranges.markUnfit(address, end, retry: false)
    }
    AgentLock.release()
    if isWanted { wakeAgent(byAllocator: true) }
    return result
}

/// Where all memory is wanted, what has become writable is.
private func wantOwn(_ start: UInt, _ end: UInt) -> Bool {
    var isWanted = false
    var position = ownMappings.firstPosition(endingAfter: start)
    while position < ownMappings.count, ownMappings[position].start < end {
        let mapping = ownMappings[position]
        if mapping.isOrdinary, wantAny(max(mapping.start, start), min(mapping.end, end)) { isWanted = true }
        position += 1
    }
    return isWanted
}
