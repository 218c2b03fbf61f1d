internal import CLinuxMemory

/// MADV_DONTNEED, MADV_FREE and MADV_DONTNEED_LOCKED: the pages read as zeros afterwards, also those that lie over
/// frames, where the kernel would bring back the frame.
func discard(_ start: UInt, _ end: UInt, _ advice: Int32) -> Int32 {
    guard enterCall() else { return nextMadvise(start, Int(end - start), advice) }
    guard ranges.touches(start, end) else {
        AgentLock.release()
        return nextMadvise(start, Int(end - start), advice)
    }
    var result: Int32 = 0
    if !ranges.hasFrames(start, end) {
        result = discardAnonymous(start, end, advice)
    } else {
        var rest = start
        if !isAgentOff || !ranges.hasUnfitFrames(start, end) {
            result = discardRuns(&rest, end, advice, asks: !isAgentOff)
        }
        if rest < end {
            // Only the kernel knows what lies there: the tables do not see what passes by libc.
            AgentLock.release()
            let answer = Int32(truncatingIfNeeded: performJob(.discard(start: rest, end: end, advice: advice)))
            return answer == 0 ? result : answer
        }
    }
    AgentLock.release()
    return result
}

/// Goes from run to run as the kernel goes from mapping to mapping: gaps do not end it, other errors do.
///
/// - Parameters:
///   - address: Moves on to the first page that is not done: where not enough is known of it.
///   - asks: Whether what the tables say of frames is compared with what the kernel does.
private func discardRuns(_ address: inout UInt, _ end: UInt, _ advice: Int32, asks: Bool) -> Int32 {
    var gap: Int32 = 0
    while address < end {
        let run = ranges.frameRun(from: address, limit: end)
        if address < run.start {
            let result = discardAnonymous(address, run.start, advice)
            if result == -Int32(LM_ENOMEM) {
                gap = result
            } else if result != 0 {
                address = end
                return result
            }
        }
        address = run.start
        guard run.start < run.end else { break }
        if asks, ranges.hasUnfitFrames(run.start, run.end) || !areFramesForSure(run.start, run.end) { return gap }
        let isReplaced = replaceByZeros(run.start, run.end, Int32(LM_PROT_READ | LM_PROT_WRITE), run.advice)
        // SAFETY: the run can be written, and the program asked for zeros there.
        if !isReplaced { unsafe fillWithZeros(run.start, run.end) }
        ranges.markDiscarded(run.start, run.end, isReplaced: isReplaced)
        address = run.end
    }
    return gap
}

/// Discards pages that do not lie over frames.
private func discardAnonymous(_ start: UInt, _ end: UInt, _ advice: Int32) -> Int32 {
    let size = Int(end - start)
    let result = nextMadvise(start, size, advice)
    // What the kernel may take away at any time must not be on its way through a merge.
    if advice == Int32(LM_MADV_FREE), result == 0 || result == -Int32(LM_ENOMEM) {
        _ = lm_madvise(start, size, Int32(LM_MADV_DONTNEED))
    }
    ranges.markDiscarded(start, end, isReplaced: false)
    return result
}

/// Whether the kernel has frames at all pages of a run, and not in so many mappings that the agent's thread, which can ask for
/// them one by one, would be faster.
private func areFramesForSure(_ start: UInt, _ end: UInt) -> Bool {
    var address = start
    for _ in 0..<16 where address < end {
        let reached = MappingProbe.endOfFrames(from: address, limit: end, isWritten: true)
        guard reached > address else { return false }
        address = reached
    }
    return address >= end
}

/// Maps empty anonymous memory over pages. `false` if the kernel refuses; they are as they were.
private func replaceByZeros(_ start: UInt, _ end: UInt, _ protection: Int32, _ advice: RemapAdvice) -> Bool {
    var flags = Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_FIXED)
    if advice.contains(.noReserve) { flags |= Int32(LM_MAP_NORESERVE) }
    let size = Int(end - start)
    guard lm_is_error(lm_mmap(start, size, protection, flags, -1, 0)) == 0 else { return false }
    advise(start, end, advice)
    return true
}

/// Gives advice again for a new mapping.
func advise(_ start: UInt, _ end: UInt, _ advice: RemapAdvice) {
    let size = Int(end - start)
    if advice.contains(.dontFork) { _ = lm_madvise(start, size, Int32(LM_MADV_DONTFORK)) }
    if advice.contains(.dontDump) { _ = lm_madvise(start, size, Int32(LM_MADV_DONTDUMP)) }
    if advice.contains(.hugePage) { _ = lm_madvise(start, size, Int32(LM_MADV_HUGEPAGE)) }
    if advice.contains(.noHugePage) { _ = lm_madvise(start, size, Int32(LM_MADV_NOHUGEPAGE)) }
}

@unsafe
private func fillWithZeros(_ start: UInt, _ end: UInt) {
    AgentLock.writing {
        unsafe lm_fill_zero(UnsafeMutableRawPointer(bitPattern: start).unsafelyUnwrapped, Int(end - start))
    }
}

/// Discards pages of which only the kernel knows the protection and the advice: by its map, on the agent's thread.
func discardByMap(_ start: UInt, _ end: UInt, _ advice: Int32) -> Int {
    guard AgentLock.acquire() else { return -Int(LM_EAGAIN) }
    defer { AgentLock.release() }
    var walk = MapWalk()
    var address = start
    var gap = 0
    while address < end, let entry = walk.next(from: address, limit: end) {
        if entry.start > address { gap = -Int(LM_ENOMEM) }
        guard entry.start < end else { break }
        let from = max(address, entry.start)
        let to = min(end, entry.end)
        let result = entry.isSegment ? replace(entry, from, to, advice) : lm_madvise(from, Int(to - from), advice)
        if result != 0 { return Int(result) }
        if !entry.isSegment, advice == Int32(LM_MADV_FREE) {
            _ = lm_madvise(from, Int(to - from), Int32(LM_MADV_DONTNEED))
        }
        if !entry.isSegment, ranges.hasFrames(from, to) {
            // Someone has mapped other memory there, behind libc's back.
            forget(from, to)
        } else {
            ranges.markDiscarded(from, to, isReplaced: entry.isSegment)
        }
        address = to
    }
    guard walk.isWell else {
        // Nobody can be asked: the tables are true of all that passes through libc.
        if ranges.hasUnfitFrames(address, end) { return -Int(LM_EAGAIN) }
        return Int(discardRuns(&address, end, advice, asks: false))
    }
    if address < end { gap = -Int(LM_ENOMEM) }
    return gap
}

/// Replaces a part of a mapping of frames as its map entry says.
private func replace(_ entry: MapEntry, _ start: UInt, _ end: UInt, _ advice: Int32) -> Int32 {
    let isLocked = entry.obstacle == .locked
    if isLocked, advice != Int32(LM_MADV_DONTNEED_LOCKED) { return -Int32(LM_EINVAL) }
    // What replaced locked memory would not be locked: its zeros are written, if it can be.
    if isLocked {
        guard entry.isWritable else { return -Int32(LM_EAGAIN) }
        // SAFETY: it can be written, and the program asked for zeros there.
        unsafe fillWithZeros(start, end)
        return 0
    }
    guard entry.obstacle == .notExamined else { return -Int32(LM_EAGAIN) }
    if replaceByZeros(start, end, entry.protection, entry.advice) { return 0 }
    guard entry.isReadable, entry.isWritable else { return -Int32(LM_EAGAIN) }
    // SAFETY: it can be written, and the program asked for zeros there.
    unsafe fillWithZeros(start, end)
    return 0
}

extension RangeTable {
    /// Whether pages between two addresses lie over frames and are unfit: only the kernel knows their protection.
    func hasUnfitFrames(_ start: UInt, _ end: UInt) -> Bool {
        var found = false
        unsafe forEachPart(start, end) { range, first, last in
            // SAFETY: places of the range's own pages.
            for page in first..<last where unsafe !found && range.pointee.entries[page].liesOverFrame {
                // Without a number nobody has looked at the range yet.
                found = unsafe range.pointee.entries[page].isUnfit || range.pointee.area == 0
            }
        }
        return found
    }

    /// The first run of pages over frames from an address on, within one range; empty at `limit` if there is none.
    func frameRun(from address: UInt, limit: UInt) -> (start: UInt, end: UInt, advice: RemapAdvice) {
        var run = (start: limit, end: limit, advice: RemapAdvice.none)
        var isFound = false
        unsafe forEachPart(address, limit) { range, first, last in
            guard !isFound else { return }
            var page = first
            // SAFETY: places of the range's own pages.
            while unsafe page < last && !range.pointee.entries[page].liesOverFrame { page += 1 }
            guard page < last else { return }
            var runEnd = page + 1
            while unsafe runEnd < last && range.pointee.entries[runEnd].liesOverFrame { runEnd += 1 }
            let base = unsafe range.pointee.base
            run = unsafe (base + UInt(page) << 12, base + UInt(runEnd) << 12, range.pointee.advice)
            isFound = true
        }
        return run
    }
}
