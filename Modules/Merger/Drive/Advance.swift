public import PageMemory

/// What the driver does when there is nothing to do at once.
public enum MergerPause: Sendable, Hashable {
    /// Sleep for so long, or until an attribute or an area changes.
    case sleep(milliseconds: UInt32)
    /// Wait until an attribute or an area changes.
    case wait
}

extension Merger {
    /// Fetches one request, carries it out on a memory and gives the answer: the usual driver.
    ///
    /// - Returns: `nil` when something was done and more may follow at once.
    public mutating func advance(on memory: inout some MergeableMemory, time: DriverTime = .none) -> MergerPause? {
        switch next(time: time) {
        case .observe(let area, let pages):
            do {
                try memory.observe(area, pages: pages, into: &observations)
                observed(observations)
            } catch {
                observationFailed()
            }
        case .takeChecksums(let pages):
            memory.takeChecksums(of: pages, with: checksum, into: &digests)
            checksumsTaken(digests)
        case .match:
            match(with: memory)
        case .merge(let plan):
            var outcome = MergeOutcome()
            memory.merge(plan, into: &outcome)
            merged(outcome)
        case .unmerge(let pages):
            var outcome: [SiteOutcome] = []
            memory.unmerge(pages, into: &outcome)
            unmerged(outcome)
        case .release(let rows):
            memory.release(rows)
        case .forgetObservations(let area):
            memory.forgetObservations(of: area)
        case .sleep(let milliseconds):
            return .sleep(milliseconds: milliseconds)
        case .wait:
            return .wait
        }
        return nil
    }

    /// Drives the merger without sleeping until `count` more full scans have ended, or it has nothing to do, or
    /// it scans nothing because the policy allows no pages.
    public mutating func scan(
        passes count: UInt64 = 1, on memory: inout some MergeableMemory, time: () -> DriverTime = { .none }
    ) {
        let target = tally.fullScans + count
        var atLastSleep: UInt64?
        while tally.fullScans < target {
            switch advance(on: &memory, time: time()) {
            case nil:
                continue
            case .wait:
                return
            case .sleep:
                // A full scan that ends exactly with its batch takes one more wake-up that scans nothing.
                let progress = tally.pagesScanned + tally.fullScans
                if progress == atLastSleep { return }
                atLastSleep = progress
            }
        }
        settle(on: &memory)
    }

    /// Drives the merger until nothing is left over from the last scan: plans, unmerges, frames to release.
    public mutating func settle(on memory: inout some MergeableMemory) {
        while hasUnfinishedBusiness { _ = advance(on: &memory) }
    }

    /// Whether the next scan begins at the first page.
    public var isBetweenScans: Bool { spaces.atStart && !window.isOpen }

    /// Whether a request waits that must be carried out even when the merger does not scan.
    public var hasUnfinishedBusiness: Bool {
        batch.isUnderWay || !departures.isEmpty || unmergePending || !freeRows.isEmpty || !areasToForget.isEmpty
    }
}
