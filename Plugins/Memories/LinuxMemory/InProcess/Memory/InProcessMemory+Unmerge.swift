import PageMemory
import Remap

extension InProcessMemory {
    func unmerge(_ pages: [PageAddress], into outcome: inout [SiteOutcome]) {
        measuring(\.unmerge) { unmergeRuns(pages, into: &outcome) }
    }

    private func unmergeRuns(_ pages: [PageAddress], into outcome: inout [SiteOutcome]) {
        outcome.removeAll(keepingCapacity: true)
        budget.refresh()
        var start = 0
        while start < pages.count {
            // A page discarded since the last observation is anonymous memory again. Where it is a hole nothing keeps
            // writers out, so that a copy would overwrite what they write.
            guard liesOverFrame(pages[start]) else {
                outcome.append(.gone)
                start += 1
                continue
            }
            var end = start + 1
            while end < pages.count, end - start < Remapper.windowCapacity,
                pages[end] == PageAddress(area: pages[start].area, index: pages[end - 1].index + 1),
                liesOverFrame(pages[end])
            {
                end += 1
            }
            unmergeRun(of: pages[start].area, pages[start].index..<(pages[end - 1].index + 1), into: &outcome)
            start = end
        }
    }

    private func liesOverFrame(_ page: PageAddress) -> Bool { regions[page.area]?.frame(at: page.index) != nil }

    /// Un-shares neighbouring pages, all of which lie over frames.
    private func unmergeRun(of area: AreaID, _ pages: Range<UInt32>, into outcome: inout [SiteOutcome]) {
        guard let region = regions[area], remapper != nil else {
            for _ in pages { outcome.append(.gone) }
            return
        }
        let before = region.boundaries(around: pages)
        var results = [RemapOutcome](repeating: .pending, count: pages.count)
        let report = unsafe results.withUnsafeMutableBufferPointer { buffer in
            ForkGuard.holdingOffForks {
                // SAFETY: the pages belong to the region, and the buffer has room for one outcome each.
                unsafe remapper!.unmerge(
                    region.address(of: pages.lowerBound, pageSize: pageSize), pageCount: pages.count,
                    advice: region.advice, outcomes: buffer.baseAddress!)
            }
        }
        record(report)
        var isBroken = false
        if results.contains(.mapLimit) {
            // Without map entries for copies, the pages can still get memory of their own where they are.
            // SAFETY: as above.
            isBroken =
                unsafe remapper!.breakSharing(
                    region.address(of: pages.lowerBound, pageSize: pageSize), pageCount: pages.count
                ).merged > 0
        }
        for (page, result) in zip(pages, results) {
            // A rewritten page has memory of its own already and stays where it is.
            outcome.append(result == .mapLimit && isBroken ? .merged : SiteOutcome(result))
            if result == .merged { region.setFrame(nil, at: page) }
        }
        // Copies do not join the memory around them.
        budget.add(abs(region.boundaries(around: pages) - before))
        if report.trackingLost { retrack(region, pages) }
    }

    /// Takes the last pages of a region out of private file mappings, so that the program may use the memory as if it had never
    /// been merged. Leaves them where something may be writing through pins.
    func returnToAnonymous(_ region: RegionRecord) {
        guard remapper != nil, PinSources.sign() == nil else { return }
        var rest = 0..<region.pageCount
        while let run = region.mergedRun(in: rest) {
            let part = run.prefix(Remapper.windowCapacity)
            var results = [RemapOutcome](repeating: .pending, count: part.count)
            let report = unsafe results.withUnsafeMutableBufferPointer { buffer in
                ForkGuard.holdingOffForks {
                    // SAFETY: the pages belong to the region, and the buffer has room for one outcome each.
                    unsafe remapper!.unmerge(
                        region.address(of: part.lowerBound, pageSize: pageSize), pageCount: part.count,
                        advice: region.advice, copiesRewritten: true, outcomes: buffer.baseAddress!)
                }
            }
            record(report)
            for (page, result) in zip(part, results) where result == .merged { region.setFrame(nil, at: page) }
            rest = part.upperBound..<region.pageCount
        }
    }

    /// Makes pages read as zeros and gives their memory back.
    func discard(_ pages: Range<UInt32>, of region: RegionRecord) throws(InProcessError) {
        guard remapper != nil else { return }
        var next = pages.lowerBound
        while next < pages.upperBound {
            let isMerged = region.frame(at: next) != nil
            var end = next + 1
            while end < pages.upperBound, (region.frame(at: end) != nil) == isMerged { end += 1 }
            discardRun(next..<end, isMerged, region)
            next = end
        }
        region.discarded.append(pages)
    }

    private func discardRun(_ run: Range<UInt32>, _ isMerged: Bool, _ region: RegionRecord) {
        let before = region.boundaries(around: run)
        let report = ForkGuard.holdingOffForks {
            // SAFETY: the pages belong to the region, and the program asked for zeros.
            unsafe remapper!.discard(
                region.address(of: run.lowerBound, pageSize: pageSize), pageCount: run.count, merged: isMerged,
                advice: region.advice)
        }
        record(report)
        if isMerged, report.merged > 0 { for page in run { region.setFrame(nil, at: page) } }
        budget.add(region.boundaries(around: run) - before)
        if report.trackingLost { retrack(region, run) }
    }

    /// The statistics with everything that is counted on demand.
    func currentStatistics() -> MemoryStatistics {
        budget.recount()
        var statistics = statistics
        statistics.framesInUse = store.framesInUse
        statistics.framesHeld = store.framesHeld
        statistics.storedBytes = store.storedBytes
        statistics.mapEntries = budget.inUse
        statistics.mapEntryLimit = budget.limit
        return statistics
    }
}
