import CLinuxMemory

/// How long a request to un-share may take before the rest is left to another.
private var longestTurn: UInt64 { 100_000_000 }

/// Gives pages of an area memory of their own again, whatever frame they lie over, also those that no daemon knows.
/// Pages that were written since their merge have it.
func unshare(_ request: WireRange) -> WireUnshared {
    var answer = WireUnshared()
    let start = now()
    let end = UInt32(clamping: UInt64(request.start) + UInt64(request.count))
    var next = request.start
    work.budget.refresh()
    unshareUnfit(request.area, request.start..<end, &answer)
    while next < end, now() &- start < longestTurn {
        next = withAgentLock {
            // Of an area that is gone nothing is left to do.
            guard let range = unsafe ranges.find(area: request.area), unsafe range.isServed,
                unsafe next < range.pointee.pageCount
            else { return end }
            return unsafe unsharePiece(range, next..<min(end, range.pointee.pageCount), &answer)
        }
        pauseForJobs()
    }
    answer.pagesDone = next - request.start
    return answer
}

/// Un-shares the next run of pages over frames; returns the first page behind it. The lock is held.
private func unsharePiece(
    _ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>, _ answer: inout WireUnshared
) -> UInt32 {
    let limit =
        pages.count > Int(AgentBuffers.scanLength) ? pages.lowerBound + AgentBuffers.scanLength : pages.upperBound
    var first = pages.lowerBound
    while first < limit, unsafe !isShared(range.entry(first)) { first += 1 }
    var end = first
    while end < limit, end - first < UInt32(Remapper.windowCapacity), unsafe isShared(range.entry(end)) { end += 1 }
    guard end > first else { return limit }
    unsafe unmergeRun(range, first..<end, &answer.work)
    for place in 0..<Int(end - first) {
        // SAFETY: a result for each page.
        switch unsafe buffers.results[place] {
        case .merged, .rewritten, .gone, .changed: break
        default: answer.pagesLeft += 1
        }
    }
    return end
}

/// Un-shares those of which only the kernel knows protection and advice.
private func unshareUnfit(_ area: UInt32, _ pages: Range<UInt32>, _ answer: inout WireUnshared) {
    let part = withAgentLock { () -> (start: UInt, end: UInt)? in
        guard let range = unsafe ranges.find(area: area), unsafe range.isServed else { return nil }
        let count = unsafe range.pointee.pageCount
        return unsafe (range.address(of: min(pages.lowerBound, count)), range.address(of: min(pages.upperBound, count)))
    }
    if let part { unmergeUnfit(part.start, part.end, &answer.work) }
}

private func isShared(_ entry: PageEntry) -> Bool { entry.liesOverFrame && entry.isMergeable }
