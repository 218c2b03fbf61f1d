public import PageMemory

extension SimulatedMemory: PageObserver {
    /// Reports what changed; on a memory that does not track changes, all that exists and much that does not.
    ///
    /// A merged page is reported as changed only when a write has broken its sharing, or when it was merged before its area
    /// was registered. Pages that map a frame since a fork are inherited. Pages that a merge gave back because they held
    /// zeros are absent, unless that is not known; what is not mergeable any more is discarded.
    public func observe(
        _ id: AreaID, pages: Range<UInt32>, into runs: inout [ObservedRun]
    ) throws(PageMemoryError) {
        runs.removeAll(keepingCapacity: true)
        tally.observations += 1
        reach(.beforeObserving(id))
        guard let area = areas[id] else { throw .noSuchArea(id) }
        let wanted = pages.clamped(to: 0..<area.pageCount)
        if refuses(.observe, PageAddress(area: id, index: wanted.lowerBound)) != nil {
            throw .system(call: "observe", code: 12)
        }
        let range = area.firstPage + UInt64(wanted.lowerBound)..<area.firstPage + UInt64(wanted.upperBound)
        var found: [ObservedRun] = []
        let mappings = spaces[area.space]?.mappings ?? Mappings()
        spaces[area.space]?.table.edit(range) { chunk, number, offsets in
            tally.chunksObserved += 1
            let mergeable = mappings.mergeablePages(ofChunk: number)
            for offset in offsets {
                let isMergeable = mergeable & 1 << offset != 0
                guard let state = chunk.observe(Int(offset), isMergeable: isMergeable, tracksChanges: tracksChanges)
                else { continue }
                report(UInt32(number * 64 + offset - area.firstPage), state, in: &found)
            }
        }
        runs = found
        dropIfEmpty(area, observed: wanted)
        reach(.afterObserving(id))
    }

    /// Lets the next observation report every page of the area that exists.
    public func forgetObservations(of id: AreaID) {
        guard let area = areas[id] else { return }
        let range = area.pages
        spaces[area.space]?.table.edit(range) { chunk, _, offsets in chunk.forgetObservations(offsets) }
    }

    private func report(_ index: UInt32, _ state: ObservedRun.State, in runs: inout [ObservedRun]) {
        if state == .changed { tally.pagesReported += 1 }
        if let last = runs.last, last.state == state, last.start + last.count == index {
            runs[runs.count - 1].count += 1
        } else {
            runs.append(ObservedRun(start: index, count: 1, state: state))
        }
    }
}
