import Glibc
import PageMemory
import PageVerdicts
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
            let isDone = untilNoForkIsUnderWay { unmergeNext(pages, from: &start, into: &outcome) }
            guard !isDone else { continue }
            let end = endOfRun(pages, from: start)
            for _ in start..<end { outcome.append(.busy) }
            start = end
        }
    }

    /// Tries something until it is done, which it is not while a fork is under way. Trapped writes are served between;
    /// `false` if a fork is under way all the time.
    private func untilNoForkIsUnderWay(_ body: () -> Bool) -> Bool {
        for _ in 0..<200 {
            if excludingTraps(body) { return true }
            usleep(1000)
        }
        return false
    }

    /// Un-shares the first run of some pages from a place on, which goes behind it; `false` while a fork is under way.
    private func unmergeNext(
        _ pages: [PageAddress], from start: inout Int, into outcome: inout [SiteOutcome]
    ) -> Bool {
        // A page discarded since the last observation is anonymous memory again. Where it is a hole nothing keeps writers
        // out, so that a copy would overwrite what they write.
        guard liesOverFrame(pages[start]) else {
            outcome.append(.gone)
            start += 1
            return true
        }
        let end = endOfRun(pages, from: start)
        guard unmergeRun(of: pages[start].area, pages[start].index..<(pages[end - 1].index + 1), into: &outcome) else {
            return false
        }
        start = end
        return true
    }

    /// The end of the neighbouring pages from a place on that lie over frames; the one there belongs to them in any case.
    private func endOfRun(_ pages: [PageAddress], from start: Int) -> Int {
        var end = start + 1
        while end < pages.count, end - start < Remapper.windowCapacity,
            pages[end] == PageAddress(area: pages[start].area, index: pages[end - 1].index + 1),
            liesOverFrame(pages[end])
        {
            end += 1
        }
        return end
    }

    private func liesOverFrame(_ page: PageAddress) -> Bool { regions[page.area]?.frame(at: page.index) != nil }

    /// Un-shares neighbouring pages, all of which lie over frames; `false` while a fork is under way.
    private func unmergeRun(of area: AreaID, _ pages: Range<UInt32>, into outcome: inout [SiteOutcome]) -> Bool {
        guard let region = regions[area], remapper != nil else {
            for _ in pages { outcome.append(.gone) }
            return true
        }
        guard let (results, isBroken) = giveOwnMemory(to: pages, of: region, orInPlace: true) else { return false }
        for result in results {
            // A rewritten page has memory of its own already and stays where it is.
            outcome.append((result == .mapLimit || result == .busy) && isBroken ? .merged : SiteOutcome(result))
        }
        return true
    }

    /// Takes neighbouring pages over frames off them, and keeps the map tables true; `nil` while a fork is under way.
    ///
    /// - Parameter orInPlace: Whether pages that must stay in their mappings get memory of their own there; the answer says
    ///   whether they did.
    private func giveOwnMemory(
        to pages: Range<UInt32>, of region: RegionRecord, orInPlace: Bool
    ) -> (results: [RemapOutcome], isBroken: Bool)? {
        let before = region.boundaries(around: pages)
        var results = [RemapOutcome](repeating: .pending, count: pages.count)
        guard let report = unmerge(pages, of: region, into: &results) else { return nil }
        record(report)
        var isBroken = false
        if orInPlace, results.contains(.mapLimit) || results.contains(.busy) {
            // Without map entries for copies, or under the eyes of a debugger.
            let memory = unsafe region.address(of: pages.lowerBound, pageSize: pageSize)
            unsafe remapper!.permitWrites(memory, pageCount: pages.count)
            isBroken = writing { unsafe remapper!.breakSharing(memory, pageCount: pages.count).merged > 0 }
        }
        for (page, result) in zip(pages, results) where result == .merged { region.setFrame(nil, at: page) }
        // Copies do not join the memory around them.
        budget.add(abs(region.boundaries(around: pages) - before))
        if report.trackingLost { retrack(region, pages) }
        if trap != nil { findRewritten(pages, of: region) }
        return (results, isBroken)
    }

    /// Unmerges a run of at most a window; `nil` while a fork is under way.
    private func unmerge(
        _ pages: Range<UInt32>, of region: RegionRecord, into results: inout [RemapOutcome]
    ) -> RemapReport? {
        unsafe results.withUnsafeMutableBufferPointer { buffer in
            ForkGuard.holdingOffForks(attempts: 1) {
                // SAFETY: the pages belong to the region, and the buffer has room for one outcome each.
                unsafe remapper!.unmerge(
                    region.address(of: pages.lowerBound, pageSize: pageSize), pageCount: pages.count,
                    advice: region.advice, outcomes: buffer.baseAddress!)
            }
        }
    }

    /// Takes pages that still are their frames out of their private file mappings, as if they had never been merged.
    ///
    /// - Parameter isMeant: Whether pages over this frame are meant.
    func returnToAnonymous(_ region: RegionRecord, where isMeant: (Frame) -> Bool) {
        guard remapper != nil else { return }
        var page: UInt32 = 0
        while page < region.pageCount {
            var end = page + 1
            _ = untilNoForkIsUnderWay {
                guard let frame = region.frame(at: page), isMeant(frame) else { return true }
                end = page + 1
                while end < region.pageCount, end - page < UInt32(Remapper.windowCapacity),
                    let next = region.frame(at: end), isMeant(next)
                {
                    end += 1
                }
                return giveOwnMemory(to: page..<end, of: region, orInPlace: false) != nil
            }
            page = end
        }
    }

    /// Makes pages read as zeros and gives their memory back.
    func discard(_ pages: Range<UInt32>, of region: RegionRecord) {
        guard remapper != nil else { return }
        var next = pages.lowerBound
        while next < pages.upperBound {
            excludingTraps {
                let isMerged = region.frame(at: next) != nil
                var end = next + 1
                while end < pages.upperBound, (region.frame(at: end) != nil) == isMerged { end += 1 }
                discardRun(next..<end, isMerged, region)
                next = end
            }
        }
    }

    private func discardRun(_ run: Range<UInt32>, _ isMerged: Bool, _ region: RegionRecord) {
        let before = region.boundaries(around: run)
        let memory = unsafe region.address(of: run.lowerBound, pageSize: pageSize)
        // Where there are no map entries it is filled with zeros.
        if isMerged { unsafe remapper!.permitWrites(memory, pageCount: run.count) }
        // Each mapping is replaced in one step, which a fork sees whole.
        // SAFETY: the pages belong to the region, and the program asked for zeros.
        let report = writing {
            unsafe remapper!.discard(memory, pageCount: run.count, merged: isMerged, advice: region.advice)
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
        statistics.rewrittenPages = regions.values.reduce(0) { $0 + $1.rewrittenCount }
        statistics.framesHeld = store.framesHeld
        statistics.storedBytes = store.storedBytes
        statistics.mapEntries = budget.inUse
        statistics.mapEntryLimit = budget.limit
        return statistics
    }
}
