import PageMemory
import Remap

extension InProcessMemory: PageObserver {
    var tracksChanges: Bool { true }

    func observe(
        _ area: AreaID, pages: Range<UInt32>, into runs: inout [ObservedRun]
    ) throws(PageMemoryError) {
        try measuring(\.observe) { () throws(PageMemoryError) in try observePages(area, pages, into: &runs) }
    }

    private func observePages(
        _ area: AreaID, _ pages: Range<UInt32>, into runs: inout [ObservedRun]
    ) throws(PageMemoryError) {
        runs.removeAll(keepingCapacity: true)
        guard let region = regions[area] else { throw .noSuchArea(area) }
        let range = pages.clamped(to: 0..<region.pageCount)
        // What was caught until now belongs to this observation.
        excludingTraps {}
        if region.lacksTracking {
            region.lacksTracking = false
            retrack(region, 0..<region.pageCount)
        }
        reportDiscarded(region, range, into: &runs)
        let discardedRuns = runs.count
        var next = range.lowerBound
        while next < range.upperBound {
            // Writers wait for a scan where they are trapped.
            let end = trap == nil ? range.upperBound : min(range.upperBound, next + InProcessMemory.longestScan)
            let found = excludingTraps { scan(next..<end, of: region, into: &runs) }
            guard let answer = found else { throw .noSuchArea(area) }
            statistics.pagemapScans += UInt64(answer.systemCalls)
            next += UInt32(answer.pagesDone)
            if answer.error != 0 {
                // What was reported so far is armed and must be looked at; the rest is looked at next time.
                if runs.isEmpty { throw .system(call: "PAGEMAP_SCAN", code: answer.error) }
                break
            }
        }
        if discardedRuns > 0 { runs = InProcessMemory.joining(runs[..<discardedRuns], runs[discardedRuns...]) }
    }

    /// Pages of one scan where writers wait for it.
    private static let longestScan: UInt32 = 16384

    private func scan(
        _ pages: Range<UInt32>, of region: RegionRecord, into runs: inout [ObservedRun]
    ) -> TrackerScan? {
        // SAFETY: the pages belong to the region, and the buffer has the capacity given.
        let base = unsafe region.address(of: pages.lowerBound, pageSize: pageSize)
        let answer = unsafe remapper?.tracker.scan(
            base, pageCount: pages.count, into: scratch.runs, capacity: Scratch.runCapacity)
        for place in 0..<(answer?.runs ?? 0) { unsafe append(scratch.runs[place], of: region, to: &runs) }
        return answer
    }

    /// Puts discarded pages between those that were written. A page that was discarded and written since is written.
    private static func joining(
        _ discarded: ArraySlice<ObservedRun>, _ changed: ArraySlice<ObservedRun>
    ) -> [ObservedRun] {
        var joined = Array(changed)
        var next = changed.startIndex
        var covered: UInt32 = 0
        for run in discarded.sorted(by: { $0.start < $1.start }) {
            // Discards may overlap one another.
            var start = max(run.start, covered)
            let end = run.start + run.count
            covered = max(covered, end)
            while next < changed.endIndex, changed[next].start + changed[next].count <= start { next += 1 }
            var written = next
            while start < end {
                let isBefore = written < changed.endIndex && changed[written].start < end
                let stop = isBefore ? max(start, changed[written].start) : end
                if start < stop { joined.append(ObservedRun(start: start, count: stop - start, state: run.state)) }
                guard isBefore else { break }
                start = max(start, changed[written].start + changed[written].count)
                written += 1
            }
        }
        joined.sort { $0.start < $1.start }
        return joined
    }

    /// Discards are told by the region, not seen: an armed hole would cost page tables.
    private func reportDiscarded(_ region: RegionRecord, _ range: Range<UInt32>, into runs: inout [ObservedRun]) {
        for pages in region.takeDiscarded(in: range) {
            runs.append(ObservedRun(start: pages.lowerBound, count: UInt32(pages.count), state: .discarded))
        }
    }

    /// Translates what the kernel says of neighbouring pages.
    private func append(_ run: TrackedRun, of region: RegionRecord, to runs: inout [ObservedRun]) {
        guard run.isPresent, !run.isKernelZero else { return }
        let base = unsafe UInt64(UInt(bitPattern: region.base))
        let start = UInt32((run.start - base) / UInt64(pageSize))
        let end = UInt32((run.end - base) / UInt64(pageSize))
        // A page of a file is still its frame: only read, or just merged.
        guard !run.isFile else { return }
        for page in start..<end {
            var state = ObservedRun.State.changed
            if !mergesRewritten, region.frame(at: page) != nil {
                if region.isRewritten(page) { continue }
                // Nothing of it can be merged any more.
                region.noteRewritten(page)
                state = .discarded
            } else if region.refused.contains(page) {
                region.refused.remove(page)
                continue
            }
            if let last = runs.last, last.state == state, last.start + last.count == page {
                runs[runs.count - 1].count += 1
            } else {
                runs.append(ObservedRun(start: page, count: 1, state: state))
            }
        }
    }

    /// Whether pages that were written since their merge are candidates again: only for a test that shows what that loses.
    private var mergesRewritten: Bool {
        #if Mutants
            return RemapMutants(rawValue: settings.mutants).contains(.trustsRewritten)
        #else
            return false
        #endif
    }

    func forgetObservations(of area: AreaID) {
        guard let region = regions[area] else { return }
        // Registered anew, every page counts as written.
        region.refused.removeAll()
        untrack(region)
        retrack(region, 0..<region.pageCount)
    }
}
