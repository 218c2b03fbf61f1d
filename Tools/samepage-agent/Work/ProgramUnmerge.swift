import CLinuxMemory

/// What MADV_UNMERGEABLE of the kernel does: every page between two addresses has memory of its own when this returns.
/// Pages that were written since their merge stay where they are, as they may be pinned.
///
/// - Parameter inPlace: Whether pages may get memory of their own in their place, in a mapping of the segment, while somebody
///   is there who could not wait for a window.
/// - Returns: 0, or minus an error number: ENOMEM when the kernel had no memory for a page.
func unmergeForProgram(_ start: UInt, _ end: UInt, inPlace: Bool = false) -> Int32 {
    var result: Int32 = 0
    var done = WireWork()
    openRemapperForJob()
    unmergeUnfit(start, end, &done)
    var cursor = start
    var goesOn = start < end
    while goesOn, cursor < end {
        goesOn = unsafe doPiece(&cursor, end, UInt32(Remapper.windowCapacity)) { range, pages in
            var page = pages.lowerBound
            var runs = 0
            while page < pages.upperBound, runs < runsOfHold {
                let entry = unsafe range.entry(page)
                var last = page
                while last < pages.upperBound, unsafe isAlike(range.entry(last), entry) { last += 1 }
                if entry.liesOverFrame {
                    let answer = unsafe ownMemory(
                        range, page..<last, isUnfit: entry.isUnfit, inPlace: inPlace, &done)
                    if answer != 0 { result = answer }
                    if entry.isGone, !entry.isUnfit { untrack(unsafe range.address(of: page), Int(last - page)) }
                    runs += 1
                }
                page = last
            }
            return page
        }
    }
    withAgentLock { ranges.settle(start, end) }
    return result
}

/// Un-shares pages of which only the kernel knows the protection and the advice, by its map. What is locked, and what was
/// rewritten, stays.
func unmergeUnfit(_ start: UInt, _ end: UInt, _ done: inout WireWork) {
    guard AgentLock.acquire() else { return }
    defer { AgentLock.release() }
    guard ranges.hasUnfitFrames(start, end), let remapper = unsafe work.remapper else { return }
    var reader = SmapsReader()
    while let entry = reader.next(), entry.start < end {
        // What replaces locked memory would not be locked.
        guard entry.end > start, entry.isSegment, entry.obstacle != .locked else { continue }
        var address = max(start, entry.start)
        while address < min(end, entry.end) {
            let run = ranges.frameRun(from: address, limit: min(end, entry.end))
            guard run.start < run.end else { break }
            let count = min(Int((run.end - run.start) >> 12), Remapper.windowCapacity)
            let runEnd = run.start + UInt(count) << 12
            // SAFETY: the kernel's map says what they permit, and the lock keeps the program's changes away.
            let report = unsafe remapper.pointee.unmerge(
                UnsafeMutableRawPointer(bitPattern: run.start).unsafelyUnwrapped, pageCount: count,
                advice: entry.advice, protection: entry.protection, mayBeSeen: true, outcomes: buffers.results)
            done.add(report)
            unsafe ranges.forEachPart(run.start, runEnd) { range, first, last in
                for page in first..<last where unsafe buffers.results[page - first] == .merged {
                    unsafe range.pointee.entries[page].becomeAnonymous()
                    unsafe range.pointee.entries[page].isDiscarded = true
                }
                unsafe range.raise(AgentRange.hasNews | AgentRange.lacksTracking)
            }
            address = runEnd
        }
    }
}

/// Whether two pages can be un-shared in one step.
private func isAlike(_ left: PageEntry, _ right: PageEntry) -> Bool {
    left.liesOverFrame == right.liesOverFrame && left.isUnfit == right.isUnfit && left.isGone == right.isGone
}

/// Gives a run of pages over frames memory of their own. The lock is held.
private func ownMemory(
    _ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>, isUnfit: Bool, inPlace: Bool,
    _ done: inout WireWork
) -> Int32 {
    let canMove = unsafe !isUnfit && range.isExamined && work.remapper != nil
    if canMove {
        unsafe unmergeRun(range, pages, inPlace: inPlace, &done)
        var isComplete = true
        for place in 0..<pages.count {
            // SAFETY: a result for each page.
            let outcome = unsafe buffers.results[place]
            if outcome != .merged && outcome != .rewritten { isComplete = false }
            // The daemon hears that the page holds nothing merged any more; the next scan reports what it holds.
            unsafe range.pointee.entries[Int(pages.lowerBound) + place].isDiscarded = true
        }
        unsafe range.raise(AgentRange.hasNews)
        // What stays over frames goes back to anonymous memory later, if nobody can write to it through a pin.
        if unsafe ranges.hasFrames(range.address(of: pages.lowerBound), range.address(of: pages.upperBound)) {
            link.leftOverCursor = 0
        }
        if isComplete { return 0 }
    }
    // Pages of other protection or advice than the tables know get copies of the same.
    if unsafe !canMove && range.isExamined && ownByMap(range, pages, &done) { return 0 }
    // In place: pages that may not be readable, and where there is nothing to copy with. The kernel answers EFAULT or
    // EINVAL for memory that cannot be written.
    let advice = Int32(LM_MADV_POPULATE_WRITE)
    unsafe work.remapper?.pointee.permitWrites(range.memory(of: pages.lowerBound), pageCount: pages.count)
    let answer = AgentLock.writing { unsafe lm_madvise(range.address(of: pages.lowerBound), pages.count << 12, advice) }
    return answer == 0 ? 0 : -Int32(LM_ENOMEM)
}

/// Un-shares pages of which only the kernel knows protection and advice: copies of the same take their place. `false`
/// where a page is locked, or for want of memory. The lock is held.
private func ownByMap(
    _ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>, _ done: inout WireWork
) -> Bool {
    guard unsafe work.remapper != nil else { return false }
    var walk = MapWalk()
    var next = pages.lowerBound
    let limit = unsafe range.address(of: pages.upperBound)
    while next < pages.upperBound, let entry = walk.next(from: unsafe range.address(of: next), limit: limit) {
        let address = unsafe range.address(of: next)
        guard entry.start <= address, entry.isSegment, entry.obstacle == .notExamined else {
            return false
        }
        let end = min(pages.upperBound, next + UInt32(clamping: (entry.end - address) >> 12))
        unsafe unmergeRun(range, next..<end, protection: entry.protection, advice: entry.advice, inPlace: false, &done)
        for place in 0..<Int(end - next) {
            // SAFETY: a result for each page.
            let outcome = unsafe buffers.results[place]
            guard outcome == .merged || outcome == .rewritten else { return false }
        }
        if unsafe range.entry(next).isGone { untrack(address, Int(end - next)) }
        next = end
    }
    return next >= pages.upperBound
}

extension UnsafeMutablePointer where Pointee == AgentRange {
    /// Whether the entries say what the memory is like.
    var isExamined: Bool { unsafe pointee.area != 0 }
}
