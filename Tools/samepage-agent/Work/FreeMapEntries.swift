import CLinuxMemory

/// Un-merges pages whose frames take many map entries, when the process has next to none left: the number that it has more
/// then. On the agent's thread; the lock is not held.
func freeMapEntries() -> Int {
    guard unsafe work.remapper != nil else { return 0 }
    work.budget.recount()
    guard work.budget.isExhausted else { return 0 }
    let before = work.budget.inUse
    // To un-merge takes some for a moment.
    withAgentLock { MapReserve.release() }
    if unmergeRuns(fewest: 32) == 0 { _ = unmergeRuns(fewest: 2) }
    work.budget.recount()
    withAgentLock { MapReserve.hold() }
    return before - work.budget.inUse
}

/// Un-merges runs of pages over frames that take so many entries at least, until thousands are free. Returns how many are.
private func unmergeRuns(fewest: Int) -> Int {
    var freed = 0
    var cursor: UInt = 0
    var done = WireWork()
    var goesOn = true
    while goesOn, freed < 4096 {
        goesOn = unsafe doPiece(&cursor, UInt.max, UInt32(Remapper.windowCapacity)) { range, pages in
            unsafe freeEntries(range, pages, fewest: fewest, &freed, &done)
            return pages.upperBound
        }
    }
    return freed
}

/// Un-merges the runs of pages over frames in a piece that take so many entries at least. The lock is held.
private func freeEntries(
    _ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>, fewest: Int, _ freed: inout Int,
    _ done: inout WireWork
) {
    guard unsafe range.isServed else { return }
    var page = pages.lowerBound
    while page < pages.upperBound {
        var end = page
        while end < pages.upperBound, unsafe range.entry(end).liesOverFrame && range.entry(end).isMergeable { end += 1 }
        if end > page {
            let before = unsafe range.boundaries(around: page..<end)
            if before >= fewest {
                unsafe unmergeRun(range, page..<end, inPlace: false, &done)
                for place in page..<end { unsafe range.pointee.entries[Int(place)].isDiscarded = true }
                unsafe range.raise(AgentRange.hasNews)
                freed += max(0, unsafe before - range.boundaries(around: page..<end))
            }
        }
        page = end + 1
    }
}

/// Some map entries that the agent holds so as to have them when there are no others: as soon as there is something to
/// un-merge.
enum MapReserve {
    private static var pages: Int { 16 }

    /// Whether some are held.
    nonisolated(unsafe) private static var isHeld = false

    /// Takes them. The lock is held.
    static func hold() {
        guard unsafe !isHeld, agentMemory.canMerge else { return }
        let start = agentMemory.address(of: .reserve)
        // Every second page differs from those beside it.
        for page in stride(from: 1, to: pages, by: 2)
        where lm_mprotect(start + UInt(page) << 12, 4096, Int32(LM_PROT_READ)) == 0 {
            unsafe isHeld = true
        }
    }

    /// Gives them back: all pages are alike again.
    static func release() {
        guard unsafe isHeld, agentMemory.canMerge else { return }
        unsafe isHeld = false
        _ = lm_mprotect(agentMemory.address(of: .reserve), pages << 12, Int32(LM_PROT_NONE))
    }
}
