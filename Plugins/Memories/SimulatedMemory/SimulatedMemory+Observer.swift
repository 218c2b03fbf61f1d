public import PageMemory

extension SimulatedMemory: PageObserver {
    /// Reports what changed; on a memory that does not track changes, all that exists and all that does not.
    ///
    /// Merged pages that were not written since are never reported as changed. Pages that a merge gave back because they
    /// held zeros are absent.
    public func observe(
        _ id: AreaID, pages: Range<UInt32>, into runs: inout [ObservedRun]
    ) throws(PageMemoryError) {
        runs.removeAll(keepingCapacity: true)
        tally.observations += 1
        reach(.beforeObserving(id))
        guard let area = areas[id] else { throw .noSuchArea(id) }
        let wanted = pages.clamped(to: 0..<area.pageCount)
        let range = area.firstPage + UInt64(wanted.lowerBound)..<area.firstPage + UInt64(wanted.upperBound)
        for number in spaces[area.space]?.chunkNumbers(covering: range) ?? [] {
            spaces[area.space]?.edit(number) { chunk in
                let first = number * 64
                for page in max(first, range.lowerBound)..<min(first + 64, range.upperBound) {
                    let index = UInt32(page - area.firstPage)
                    guard let state = chunk.observe(Int(page - first), tracksChanges: tracksChanges) else { continue }
                    if !tracksChanges { reportHoles(before: index, from: wanted.lowerBound, in: &runs) }
                    report(index, state, in: &runs)
                }
            }
        }
        if !tracksChanges { reportHoles(before: wanted.upperBound, from: wanted.lowerBound, in: &runs) }
        reach(.afterObserving(id))
    }

    /// Lets the next observation report every page of the area that exists and is not merged.
    public func forgetObservations(of id: AreaID) {
        guard let area = areas[id] else { return }
        let range = area.firstPage..<area.firstPage + UInt64(area.pageCount)
        for number in spaces[area.space]?.chunkNumbers(covering: range) ?? [] {
            spaces[area.space]?.edit(number) { chunk in
                for page in range.clamped(to: number * 64..<number * 64 + 64) {
                    if case .own = chunk.holdings[Int(page % 64)] { chunk.changed |= 1 << (page % 64) }
                }
            }
        }
    }

    private func report(_ index: UInt32, _ state: ObservedRun.State, in runs: inout [ObservedRun]) {
        if state == .changed { tally.pagesReported += 1 }
        if let last = runs.last, last.state == state, last.start + last.count == index {
            runs[runs.count - 1].count += 1
        } else {
            runs.append(ObservedRun(start: index, count: 1, state: state))
        }
    }

    private func reportHoles(before end: UInt32, from start: UInt32, in runs: inout [ObservedRun]) {
    }
}
