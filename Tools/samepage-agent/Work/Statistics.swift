import CLinuxMemory

/// What the agent knows of itself.
func statistics() -> WireStatistics {
    var answer = WireStatistics()
    work.budget.refresh()
    answer.cpuNanoseconds = lm_kernel_clock(Int32(LM_CLOCK_THREAD_CPU))
    answer.mapEntries = UInt32(clamping: work.budget.inUse)
    answer.mapEntryLimit = UInt32(clamping: work.budget.limit)
    var orphans: UInt32 = 0
    var entries: UInt32 = 0
    var rewritten: UInt64 = 0
    var mergeable: UInt64 = 0
    // Shared pages that the program does not want merged any more.
    var hasLeftovers = false
    unsafe forEachPiece(pieceLength: 8 * AgentBuffers.scanLength) { range, pages in
        // The border before a piece is counted with the piece before.
        entries += unsafe UInt32(range.boundaries(around: pages.dropFirst()))
        for page in pages {
            let entry = unsafe range.entry(page)
            guard entry.liesOverFrame else {
                if entry.isMergeable { mergeable += 1 }
                continue
            }
            if entry.isRewritten {
                rewritten += 1
                continue
            }
            if entry.frame == nil || entry.isOrphaned { orphans += 1 }
            if entry.isGone, !entry.isUnfit { hasLeftovers = true }
        }
        return true
    }
    answer.orphanedPages = orphans
    answer.mergedEntries = entries
    unsafe refusals[.rewritten] = rewritten << 12
    unsafe refusals[.watched] = work.remapper?.pointee.lookForOnlookers() == true ? mergeable << 12 : 0
    if hasLeftovers, link.leftOverCursor == nil { link.leftOverCursor = 0 }
    answer.ownBytes = withAgentLock { agentMemory.residentBytes }
    return answer
}

/// Bytes that the program wants merged and that are not, by reason: calls `body` for each reason there is.
func forEachRefusal(_ body: (WireRefusal) -> Void) {
    if unsafe work.remapper == nil {
        // Nothing can be merged, whatever it is.
        var bytes: UInt64 = 0
        withAgentLock {
            for position in 0..<ranges.count { bytes += unsafe UInt64(ranges[position].pointee.pageCount) << 12 }
        }
        if bytes > 0 { body(WireRefusal(reason: (link.missing ?? .notExamined).rawValue, bytes: bytes)) }
        return
    }
    var raw: UInt32 = 0
    while let reason = WireReason(rawValue: raw) {
        let bytes = unsafe refusals[reason]
        if bytes > 0 { body(WireRefusal(reason: raw, bytes: bytes)) }
        raw += 1
    }
}
