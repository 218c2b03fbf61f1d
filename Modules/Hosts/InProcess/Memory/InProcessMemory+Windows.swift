import PageMemory
import PageVerdicts
import Remap

extension InProcessMemory {
    /// Pages of a window that are not merged are write-protected for nothing, and need a new checksum afterwards: a window
    /// ends where more than so many of them come together.
    private static let widestGap: UInt32 = 8

    /// The end of the window that starts at a piece of work: neighbouring pages of one region, at most 512 wide.
    func endOfWindow(from start: Int) -> Int {
        let first = scratch.work[start].page
        var end = start + 1
        while end < scratch.work.count {
            let page = scratch.work[end].page
            guard page.area == first.area, page.index - first.index < UInt32(Remapper.windowCapacity),
                page.index - scratch.work[end - 1].page.index <= InProcessMemory.widestGap,
                staysOfKind(first, scratch.work[end - 1].page.index + 1...page.index)
            else { break }
            end += 1
        }
        return end
    }

    /// Whether pages may share a window with the one it begins with: where writes are trapped, pages over frames belong to
    /// another context than others.
    private func staysOfKind(_ first: PageAddress, _ pages: ClosedRange<UInt32>) -> Bool {
        guard trap != nil, let region = regions[first.area], pages.upperBound < region.pageCount else { return true }
        let isFrame = region.frame(at: first.index) != nil
        return pages.allSatisfy { (region.frame(at: $0) != nil) == isFrame }
    }

    /// Merges the pages of one window, in as far as the map entries left permit.
    func mergeWindow(_ range: Range<Int>, into outcome: inout MergeOutcome) {
        let area = scratch.work[range.lowerBound].page.area
        guard let region = regions[area], remapper != nil else {
            for place in range { outcome.sites[scratch.work[place].site] = .gone }
            return
        }
        let base = scratch.work[range.lowerBound].page.index
        var count = 0
        for run in runs(in: range, of: region) {
            let length = run.count
            let needsEntry = scratch.work[run.lowerBound].frame != nil
            if needsEntry, !budget.admits(run: length) {
                for place in run { outcome.sites[scratch.work[place].site] = .mapLimit }
                continue
            }
            for place in run {
                if region.isRewritten(scratch.work[place].page.index) {
                    outcome.sites[scratch.work[place].site] = .busy
                    continue
                }
                // SAFETY: a window has at most as many pages as the buffer has room for.
                unsafe scratch.pages[count] = describe(scratch.work[place], from: base, in: region)
                count += 1
            }
        }
        guard count > 0 else { return budget.settle(0) }
        let lastIndex = unsafe Int(scratch.pages[count - 1].index)
        let span = base..<(base + UInt32(lastIndex) + 1)
        let before = region.boundaries(around: span)
        // SAFETY: the window lies in the region, which stays mapped while it is registered.
        let window = unsafe region.address(of: base, pageSize: pageSize)
        guard let report = unsafe remapAway(window, lastIndex + 1, count) else {
            // A fork is under way.
            budget.settle(0)
            for place in range where outcome.sites[scratch.work[place].site] == .changed {
                outcome.sites[scratch.work[place].site] = .busy
            }
            return
        }
        settle(range, count, base, region, wasOpened: report.wasOpened, into: &outcome)
        budget.settle(region.boundaries(around: span) - before)
        statistics.windows += 1
        record(report)
        if report.trackingLost { retrack(region, span) }
        // Between the window and the trap.
        if trap != nil { findRewritten(span, of: region) }
        takeBack(count, base, region)
    }

    /// After a fork all pages count as shared with the child for the kernel, also when it has ended, until they are written.
    /// Busy pages that only this process maps are made its own again; they merge at a later scan.
    private func takeBack(_ count: Int, _ base: UInt32, _ region: RegionRecord) {
        let forks = ForkGuard.forks
        guard forks > 0 else { return }
        for place in 0..<count {
            // SAFETY: `count` pages were handed to the merge; they lie in the region.
            let page = unsafe scratch.pages[place]
            let index = base + page.index
            guard page.outcome == .busy, !page.isShared, region.frame(at: index) == nil,
                region.mayTakeBack(index, forks: forks)
            else {
                continue
            }
            let report = unsafe remapper!.takeBack(region.address(of: index, pageSize: pageSize))
            statistics.systemCalls += UInt64(report.systemCalls)
            guard report.merged > 0 else { continue }
            region.noteTakenBack(index)
            region.refused.remove(index)
        }
    }

    private func remapAway(_ base: UnsafeMutableRawPointer, _ pageCount: Int, _ count: Int) -> RemapReport? {
        ForkGuard.holdingOffForks(attempts: 1) {
            // SAFETY: see above; the buffer holds `count` pages, ascending.
            unsafe remapper!.merge(window: base, pageCount: pageCount, pages: scratch.pages, count: count)
        }
    }

    /// Runs of neighbouring pages that map neighbouring frames, or are all zeros.
    private func runs(in range: Range<Int>, of region: RegionRecord) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        var start = range.lowerBound
        for place in range.dropFirst() {
            let (left, right) = (scratch.work[place - 1], scratch.work[place])
            let joins =
                right.page.index == left.page.index + 1
                && right.frame?.rawValue == left.frame.map { $0.rawValue + 1 }
            if !joins {
                runs.append(start..<place)
                start = place
            }
        }
        runs.append(start..<range.upperBound)
        return runs
    }

    private func describe(_ work: SiteWork, from base: UInt32, in region: RegionRecord) -> RemapPage {
        let present = region.frame(at: work.page.index)
        let index = work.page.index - base
        guard let frame = work.frame else {
            return unsafe RemapPage(
                index: index, kind: present == nil ? .zeros : .sharedZeros, advice: region.advice)
        }
        let (descriptor, offset) = store.location(of: frame)
        return unsafe RemapPage(
            index: index, kind: present == nil ? .frame : .shared, frame: store.bytes(of: frame),
            segment: descriptor, fileOffset: UInt64(offset), advice: region.advice)
    }

    /// Takes over what became of each page of a window.
    private func settle(
        _ range: Range<Int>, _ count: Int, _ base: UInt32, _ region: RegionRecord, wasOpened: Bool,
        into outcome: inout MergeOutcome
    ) {
        var next = 0
        for place in range where next < count {
            let work = scratch.work[place]
            // SAFETY: `next` is below the number of pages handed to the merge.
            guard unsafe base + scratch.pages[next].index == work.page.index else { continue }
            let result = unsafe scratch.pages[next].outcome
            next += 1
            outcome.sites[work.site] = SiteOutcome(result)
            if result == .merged {
                region.setFrame(work.frame, at: work.page.index)
                // What was discarded since it was last observed, and filled again, is merged as it is now.
                region.forgetDiscard(of: work.page.index)
            } else if result.isRefusal, wasOpened {
                region.refused.insert(work.page.index)
            }
        }
    }

    /// Adds the numbers of a report to the statistics.
    func record(_ report: RemapReport) {
        statistics.systemCalls += UInt64(report.systemCalls)
        statistics.bytesRead += report.bytesCompared
        statistics.writesWaited += UInt64(report.blockedWrites)
        statistics.readsWaited += UInt64(report.blockedReads)
        statistics.pagesMovedBack += UInt64(report.movedBack)
        statistics.repairedMoves += UInt64(report.repairs)
        statistics.pagesLost += UInt64(report.lost)
    }
}
