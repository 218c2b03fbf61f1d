import CLinuxMemory

/// Runs of pages that are un-shared in one hold of the lock: each takes some 20 microseconds, and its pages 2.
let runsOfHold = 16

/// Takes pages off a segment that nobody needs any more, so that its memory can go. Pages that were written since their
/// merge go too while nobody can write through pins.
func evacuate(segment number: UInt32) -> WireWork {
    var done = WireWork()
    work.budget.refresh()
    guard unsafe work.remapper != nil else { return done }
    var cursor: UInt = 0
    var goesOn = true
    while goesOn {
        work.pins.refresh()
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
            unsafe unmergeRun(range, page..<end, copiesRewritten: mayMergeRewritten(), &done)
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

/// Gives pages that have been written since their merge, and that lie over frames of a store that is gone or are not
/// wanted any more, back to anonymous memory, so that the store can go. That takes no memory: they have their own.
/// A few runs at a time.
///
/// - Parameter start: Where to go on.
/// - Returns: Where to go on the next time; `nil` at the end, and while there may be pins.
func returnForeign(from start: UInt) -> UInt? {
    guard let remapper = unsafe work.remapper else { return nil }
    work.pins.refresh()
    guard mayMergeRewritten() else { return nil }
    var done = WireWork()
    var cursor = start
    for _ in 0..<64 {
        var isWork = false
        let goesOn = unsafe doPiece(&cursor, UInt.max, UInt32(Remapper.windowCapacity)) { range, pages in
            for page in pages where unsafe isForeign(range.entry(page)) {
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
                let isOwn = bits & LM_PAGEMAP_PRESENT != 0 && bits & LM_PAGEMAP_FILE == 0
                return unsafe isOwn && isForeign(range.entry(page))
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

private func isForeign(_ entry: PageEntry) -> Bool {
    !entry.isUnfit && entry.liesOverFrame && (entry.frame == nil || entry.isGone)
}
