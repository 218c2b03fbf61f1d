internal import CLinuxMemory

/// Pages of the largest range; longer stretches become several.
private var largestRange: UInt { 1_048_576 }

/// The program wants the pages between two addresses merged. `false` when there is no memory or room to keep that in
/// mind. The lock is held.
func want(_ start: UInt, _ end: UInt) -> Bool {
    unsafe ranges.forEachPart(start, end) { range, first, last in
        var isChanged = false
        // SAFETY: places of the range's own pages.
        for page in first..<last {
            if unsafe range.pointee.entries[page].isGone {
                unsafe range.pointee.entries[page].isGone = false
                unsafe range.pointee.entries[page].isUnfit = range.pointee.area != 0
                isChanged = true
            } else if unsafe range.pointee.entries[page].isUnfit {
                isChanged = true
            }
        }
        guard isChanged else { return }
        unsafe range.pointee.flags &= ~AgentRange.isLeaving
        unsafe ranges.noteChange(range)
        unsafe ranges.examineLater(range)
    }
    var address = start
    while address < end {
        let position = ranges.firstPosition(endingAfter: address)
        // SAFETY: a range of the table.
        let next = unsafe position < ranges.count ? ranges[position].pointee.base : end
        if next <= address {
            address = unsafe ranges[position].pointee.end
            continue
        }
        let gapEnd = min(min(next, end), address + largestRange << 12)
        guard unsafe ranges.insert(base: address, pageCount: UInt32((gapEnd - address) >> 12)) != nil else {
            return false
        }
        address = gapEnd
    }
    return true
}

/// Where all memory is wanted: takes a stretch that the program has just mapped or made writable. Whether there is
/// something to look at. The lock is held.
func wantAny(_ start: UInt, _ end: UInt) -> Bool {
    // Reservations of whole address spaces are no memory yet.
    guard unsafe lm_atomic_load(&mergesAny) != 0, end - start >= 65536, end - start <= 64 << 30 else { return false }
    return want(start, end)
}

/// Takes all that the program has mapped so far, and that counts when all memory is wanted.
func wantAllMappings() -> Bool {
    var isWanted = false
    for position in 0..<ownMappings.count {
        let mapping = ownMappings[position]
        if mapping.isOrdinary, wantAny(mapping.start, mapping.end) { isWanted = true }
    }
    return isWanted
}

/// What the program has marked. Of the whole address space only what it mapped itself is taken: nothing else is ever merged.
func wantMarked(_ start: UInt, _ end: UInt) -> Bool {
    if end - start <= 64 << 30 { return want(start, end) }
    var isKept = true
    var address = start
    while isKept, address < end {
        let next = ownMappings.nextOwn(from: address, limit: end)
        address = ownMappings.endOfOwn(from: next, limit: end)
        isKept = want(next, address)
    }
    return isKept
}
