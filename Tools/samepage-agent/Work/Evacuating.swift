import CLinuxMemory

/// Runs of pages that are un-shared in one hold of the lock: each takes some 20 microseconds, and its pages 2.
let runsOfHold = 16

/// Takes pages that still are their frames off a segment that nobody needs any more, so that its memory can go. Pages
/// that were written since stay.
func evacuate(segment number: UInt32) -> WireWork {
    var done = WireWork()
    work.budget.refresh()
    // Own memory in place would free nothing of the segment.
    guard let remapper = unsafe work.remapper, unsafe !remapper.pointee.lookForOnlookers() else { return done }
    var cursor: UInt = 0
    var goesOn = true
    while goesOn {
        goesOn = unsafe doPiece(&cursor, UInt.max, UInt32(Remapper.windowCapacity)) { range, pages in
            unsafe takeOff(range, pages, &done) { unsafe lies(range.entry($0), over: number) }
        }
        pauseForJobs()
    }
    settleAll()
    return done
}

private func lies(_ entry: PageEntry, over number: UInt32) -> Bool {
    guard !entry.isUnfit, let frame = entry.frame else { return false }
    return frame / WireLimit.framesOfSegment == number
}

/// Ranges of which no page is wanted leave when the last page over a frame has memory of its own.
private func settleAll() {
    withAgentLock { ranges.settle(0, UInt.max) }
    link.needsLook = true
}

/// Un-shares pages of a piece, a few runs of them. Returns the first page that was not looked at; `nil` when there are
/// no map entries left. The lock is held.
private func takeOff(
    _ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>, _ done: inout WireWork,
    _ isMeant: (UInt32) -> Bool
) -> UInt32? {
    guard unsafe range.isServed else { return pages.upperBound }
    var page = pages.lowerBound
    var runs = 0
    while page < pages.upperBound, runs < runsOfHold {
        var end = page
        while end < pages.upperBound, isMeant(end) { end += 1 }
        if end > page {
            guard work.budget.shortestRun != nil else { return nil }
            unsafe unmergeRun(range, page..<end, &done)
            unsafe untrackUnwanted(range, page..<end)
            runs += 1
        }
        page = end + 1
    }
    return min(page, pages.upperBound)
}

/// The program may use pages that it does not want merged as it likes: nobody looks at them any more.
private func untrackUnwanted(_ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>) {
    var page = pages.lowerBound
    while page < pages.upperBound {
        var end = page
        while end < pages.upperBound, unsafe range.entry(end).isGone { end += 1 }
        if end > page { untrack(unsafe range.address(of: page), Int(end - page)) }
        page = end + 1
    }
}

/// Gives pages that are not wanted any more and still are their frames memory of their own. Those that were written
/// since stay where they are. A few runs at a time.
///
/// - Parameter start: Where to go on.
/// - Returns: Where to go on the next time; `nil` at the end.
func returnUnwanted(from start: UInt) -> UInt? {
    guard let remapper = unsafe work.remapper else { return nil }
    if unsafe remapper.pointee.lookForOnlookers() { return start }
    var done = WireWork()
    var cursor = start
    for _ in 0..<64 {
        var isWork = false
        let goesOn = unsafe doPiece(&cursor, UInt.max, UInt32(Remapper.windowCapacity)) { range, pages in
            for page in pages where unsafe isLeftOver(range.entry(page)) {
                isWork = true
                break
            }
            guard isWork else { return pages.upperBound }
            // SAFETY: a piece has at most as many pages as the buffer has room for.
            let map = unsafe buffers.pageMap
            let address = unsafe range.address(of: pages.lowerBound)
            let read = unsafe lm_pagemap(remapper.pointee.tracker.pagemap, address, pages.count, 4096, map)
            guard read == pages.count else { return nil }
            return unsafe takeOff(range, pages, &done) { page in
                let bits = unsafe map[Int(page - pages.lowerBound)]
                guard unsafe isLeftOver(range.entry(page)) else { return false }
                if bits & LM_PAGEMAP_PRESENT != 0 && bits & LM_PAGEMAP_FILE != 0 { return true }
                if bits & (LM_PAGEMAP_PRESENT | LM_PAGEMAP_SWAPPED) != 0 {
                    unsafe range.pointee.entries[Int(page)].becomeRewritten()
                }
                return false
            }
        }
        if !goesOn {
            settleAll()
            return nil
        }
        if isWork { break }
    }
    return cursor
}

private func isLeftOver(_ entry: PageEntry) -> Bool {
    !entry.isUnfit && entry.isGone && entry.liesOverFrame && !entry.isRewritten
}
