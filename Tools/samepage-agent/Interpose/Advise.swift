internal import CLinuxMemory

/// madvise. posix_madvise needs nothing: glibc's ignores POSIX_MADV_DONTNEED, and its other advice changes no content.
@c(madvise)
public func interposedMadvise(_ address: UInt, _ size: Int, _ advice: Int32) -> Int32 {
    answer(adviseForProgram(address, size, advice))
}

func adviseForProgram(_ address: UInt, _ size: Int, _ advice: Int32) -> Int32 {
    let isForMerging = advice == Int32(LM_MADV_MERGEABLE) || advice == Int32(LM_MADV_UNMERGEABLE)
    guard let end = pageEnd(address, size) else { return nextMadvise(address, size, advice) }
    let isAside = isAgentOff && (isForMerging || !isWatching)
    if isAside, !endsUse(advice) { return nextMadvise(address, size, advice) }
    // What harms nothing is answered as for any other library.
    if let own = ownPlace(address, end, endsUse: endsUse(advice)) {
        return aroundOwnPlaceAsGap(own, address, end) { adviseForProgram($0, Int($1 - $0), advice) }
    }
    if isAside { return nextMadvise(address, size, advice) }
    if advice == Int32(LM_MADV_MERGEABLE) { return markMergeable(address, end) }
    guard isWatching, address < end else {
        // Nothing of ours is merged: the kernel's own has nothing to undo either, and may not even know the advice.
        if advice == Int32(LM_MADV_UNMERGEABLE) { return testMapped(address, end) }
        return nextMadvise(address, size, advice)
    }
    switch advice {
    case Int32(LM_MADV_UNMERGEABLE): return markUnmergeable(address, end)
    case Int32(LM_MADV_DONTNEED), Int32(LM_MADV_FREE), Int32(LM_MADV_DONTNEED_LOCKED):
        return discard(address, end, advice)
    case Int32(LM_MADV_DONTDUMP) where excludesDontDump: return exclude(address, end, advice)
    case Int32(LM_MADV_DODUMP) where excludesDontDump: return include(address, end, advice)
    case Int32(LM_MADV_DONTFORK), Int32(LM_MADV_DOFORK), Int32(LM_MADV_DONTDUMP), Int32(LM_MADV_DODUMP),
        Int32(LM_MADV_HUGEPAGE), Int32(LM_MADV_NOHUGEPAGE):
        return keepAdvice(address, end, advice)
    case Int32(LM_MADV_WIPEONFORK): return exclude(address, end, advice)
    case Int32(LM_MADV_KEEPONFORK): return include(address, end, advice)
    case Int32(LM_MADV_GUARD_INSTALL): return installGuards(address, end)
    case Int32(LM_MADV_REMOVE): return remove(address, end)
    case Int32(LM_MADV_COLLAPSE), Int32(LM_MADV_HWPOISON), Int32(LM_MADV_SOFT_OFFLINE):
        return adviseOwnPages(address, size, advice)
    default: return nextMadvise(address, size, advice)
    }
}

/// Whether the library could not go on with memory that got this advice, here or in a child.
private func endsUse(_ advice: Int32) -> Bool {
    switch advice {
    case Int32(LM_MADV_DONTNEED), Int32(LM_MADV_FREE), Int32(LM_MADV_DONTNEED_LOCKED), Int32(LM_MADV_REMOVE),
        Int32(LM_MADV_GUARD_INSTALL), Int32(LM_MADV_DONTFORK), Int32(LM_MADV_WIPEONFORK), Int32(LM_MADV_HWPOISON),
        Int32(LM_MADV_SOFT_OFFLINE):
        true
    default: false
    }
}

/// 0, or minus ENOMEM if a part is not mapped.
private func testMapped(_ start: UInt, _ end: UInt) -> Int32 {
    start == end ? 0 : lm_test_mapped(start, Int(end - start))
}

/// MADV_MERGEABLE: 0 also for memory that cannot be merged, as the kernel says.
private func markMergeable(_ start: UInt, _ end: UInt) -> Int32 {
    let mapped = testMapped(start, end)
    guard start < end else { return mapped }
    guard enterCall() else { return mapped }
    // With no place left there is nothing more that the program could do about it.
    let isKept = wantMarked(start, end) || ranges.count >= TableMemory.rangeCapacity || !agentMemory.canMerge
    AgentLock.release()
    guard isKept else { return -Int32(LM_EAGAIN) }
    unsafe lm_atomic_store(&isAskedFor, 1)
    endLook()
    wakeAgent()
    return mapped
}

/// MADV_UNMERGEABLE: returns when the pages have memory of their own again.
private func markUnmergeable(_ start: UInt, _ end: UInt) -> Int32 {
    let mapped = testMapped(start, end)
    guard takeOff(start, end, inPlace: true) else { return -Int32(LM_EAGAIN) }
    return mapped
}

/// Makes pages unwanted, and gives those that lie over frames memory of their own.
///
/// - Parameter inPlace: See ``unmergeForProgram(_:_:inPlace:)``.
/// - Returns: `false` when some still share, for want of memory.
func takeOff(_ start: UInt, _ end: UInt, inPlace: Bool = false) -> Bool {
    guard enterCall() else { return true }
    ranges.markUnwanted(start, end)
    let hasFrames = ranges.hasFrames(start, end)
    AgentLock.release()
    guard hasFrames else {
        ringDoorbellOnce()
        return true
    }
    let before = performJob(.unmerge(start: start, end: end, inPlace: inPlace)) >= 0
    guard enterCall() else { return before }
    // Rewritten pages, and all where the agent could do nothing: the same bytes, in memory of their own.
    let isDone = before || breakSharing(start, end)
    ranges.settle(start, end)
    AgentLock.release()
    return isDone
}

/// Gives pages over frames memory of their own where they are. `false` for want of memory. The lock is held.
func breakSharing(_ start: UInt, _ end: UInt) -> Bool {
    var isDone = true
    unsafe ranges.forEachPart(start, end) { range, first, last in
        var page = first
        while page < last {
            // SAFETY: places of the range's own pages.
            guard unsafe range.pointee.entries[page].liesOverFrame else {
                page += 1
                continue
            }
            var runEnd = page + 1
            while unsafe runEnd < last && range.pointee.entries[runEnd].liesOverFrame { runEnd += 1 }
            let address = unsafe range.pointee.base + UInt(page) << 12
            let result = AgentLock.writing {
                lm_madvise(address, (runEnd - page) << 12, Int32(LM_MADV_POPULATE_WRITE))
            }
            if result == -Int32(LM_ENOMEM) { isDone = false }
            page = runEnd
        }
    }
    return isDone
}

/// MADV_DONTFORK and other advice that every mapping which replaces a part has to get, too.
func keepAdvice(_ start: UInt, _ end: UInt, _ advice: Int32) -> Int32 {
    let size = Int(end - start)
    guard enterCall() else { return nextMadvise(start, size, advice) }
    defer { AgentLock.release() }
    let result = nextMadvise(start, size, advice)
    guard ranges.touches(start, end) else { return result }
    // A gap does not keep the kernel from advising all the rest.
    let isDone = result == 0 || result == -Int32(LM_ENOMEM) && lm_test_mapped(start, size) == result
    var isPartial = false
    unsafe ranges.forEachPart(start, end) { range, first, last in
        if unsafe isDone && coversWanted(range, first, last) {
            unsafe range.pointee.advice = range.pointee.advice.adding(advice)
            unsafe ranges.noteChange(range)
            if result != 0 { unsafe ranges.examineLater(range) }
        } else {
            isPartial = true
        }
    }
    // Only the kernel knows what parts of a range have: nothing there is remapped until that has been looked up.
    if isPartial { ranges.markUnfit(start, end, retry: true) }
    return result
}

/// Whether all wanted pages of a range, and all over frames, lie in a part of it.
private func coversWanted(_ range: UnsafeMutablePointer<AgentRange>, _ first: Int, _ last: Int) -> Bool {
    // SAFETY: places of the range's own pages.
    for page in 0..<Int(unsafe range.pointee.pageCount) where page < first || page >= last {
        let entry = unsafe range.pointee.entries[page]
        if entry.isKept { return false }
    }
    return true
}

/// MADV_REMOVE is for shared mappings; where we have put frames the kernel's refusal has another reason than it had.
private func remove(_ start: UInt, _ end: UInt) -> Int32 {
    let result = nextMadvise(start, Int(end - start), Int32(LM_MADV_REMOVE))
    guard result == -Int32(LM_EACCES), enterCall() else { return result }
    defer { AgentLock.release() }
    return ranges.hasFrames(start, end) ? -Int32(LM_EINVAL) : result
}

/// MADV_GUARD_INSTALL: pages that nobody may read, which no map shows. They are never merged again until the
/// program maps anew.
private func installGuards(_ start: UInt, _ end: UInt) -> Int32 {
    let size = Int(end - start)
    // An older kernel refuses before anything is given back.
    let isKnown = lm_madvise(start, 0, Int32(LM_MADV_GUARD_INSTALL))
    guard isKnown == 0 else { return isKnown }
    guard enterCall() else { return nextMadvise(start, size, Int32(LM_MADV_GUARD_INSTALL)) }
    let hasFrames = ranges.hasFrames(start, end)
    // From here on the agent reads none of them.
    ranges.markUnwanted(start, end)
    ownMappings.remove(start, end)
    AgentLock.release()
    if hasFrames {
        let result = discard(start, end, Int32(LM_MADV_DONTNEED))
        // A gap does not keep the kernel from guarding all the rest.
        if result != 0, result != -Int32(LM_ENOMEM) { return result }
    }
    return nextMadvise(start, size, Int32(LM_MADV_GUARD_INSTALL))
}

extension RemapAdvice {
    /// What is advised after one more call of madvise.
    func adding(_ advice: Int32) -> RemapAdvice {
        var bits = rawValue
        switch advice {
        case Int32(LM_MADV_DONTFORK): bits |= RemapAdvice.dontFork.rawValue
        case Int32(LM_MADV_DOFORK): bits &= ~RemapAdvice.dontFork.rawValue
        case Int32(LM_MADV_DONTDUMP): bits |= RemapAdvice.dontDump.rawValue
        case Int32(LM_MADV_DODUMP): bits &= ~RemapAdvice.dontDump.rawValue
        case Int32(LM_MADV_HUGEPAGE):
            bits = bits & ~RemapAdvice.noHugePage.rawValue | RemapAdvice.hugePage.rawValue
        case Int32(LM_MADV_NOHUGEPAGE):
            bits = bits & ~RemapAdvice.hugePage.rawValue | RemapAdvice.noHugePage.rawValue
        default: break
        }
        return RemapAdvice(rawValue: bits)
    }
}
