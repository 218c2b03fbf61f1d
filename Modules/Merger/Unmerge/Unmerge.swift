public import PageMemory
import PageTree
import ScanPolicy

/// For whom pages are unmerged.
enum UnmergePurpose: Hashable {
    /// Pages whose twins were refused.
    case lonelyFounders
    /// An area that leaves.
    case departure(AreaID)
    /// Attribute `run` is 2.
    case runMode
}

extension Merger {
    /// Whether `run` 2 still has pages to unmerge.
    public var isUnmerging: Bool { unmergePending }

    /// The answer to ``MergerRequest/unmerge(_:)``, one outcome for each page.
    ///
    /// Where pages could not be unmerged they stay merged: `run` 2 falls back to 0, an area that was to leave stays
    /// registered; ``takeUnmergeFailures()`` tells.
    public mutating func unmerged(_ outcomes: [SiteOutcome]) {
        guard case .unmerging(let purpose) = stage else { preconditionFailure("no unmerge was asked for") }
        precondition(outcomes.count == batch.unmerging.count, "one answer for each page is needed")
        stage = .resting
        var failures = 0
        for (page, outcome) in zip(batch.unmerging, outcomes) {
            let node = table.link(page).payload
            switch outcome {
            case .merged, .changed:
                // KSM's first version forgot the checksum of a page that left the stable tree.
                table.setLink(PageLink(configuration.dialect == .first ? .fresh : .settled), of: page)
                leaveNode(node)
            case .gone:
                table.setLink(.absent, of: page)
                leaveNode(node)
            case .busy, .mapLimit, .outOfMemory, .unsupported:
                failures += 1
                if purpose == .lonelyFounders, nodes[node].isClosed { stubborn.append(page) }
            }
        }
        batch.unmerging.removeAll(keepingCapacity: true)
        guard failures > 0 else { return }
        switch purpose {
        case .lonelyFounders:
            // It stays a frame of one site, as in the kernel when sharers leave.
            break
        case .departure(let area):
            unmergeFailures += failures
            departures.removeAll { $0.area == area }
        case .runMode:
            // Those that were not tried stay merged as well.
            unmergeFailures += table.count(.stable)
            unmergePending = false
            configuration.run = .stop
        }
    }

    /// How many pages could not be unmerged since this was last asked, those of areas that were to leave included.
    public mutating func takeUnmergeFailures() -> Int {
        defer { unmergeFailures = 0 }
        return unmergeFailures
    }

    mutating func requestUnmerge(_ pages: [UInt32], for purpose: UnmergePurpose) -> MergerRequest {
        batch.unmerging = pages.sorted { address(of: $0) < address(of: $1) }
        if purpose == .lonelyFounders { batch.lonely.removeAll(keepingCapacity: true) }
        stage = .unmerging(purpose)
        return .unmerge(batch.unmerging.map { address(of: $0) })
    }

    /// Lets areas go that have nothing to unmerge.
    mutating func settleDepartures() {
        var waiting: [Departure] = []
        for departure in departures {
            if departure.unmerging, !stablePages(of: departure.area).isEmpty {
                waiting.append(departure)
            } else {
                depart(departure.area)
            }
        }
        departures = waiting
    }

    private mutating func depart(_ area: AreaID) {
        guard let slot = spaces.slotOfArea[area] else { return }
        forgetPages(ofSlot: slot)
        if window.slot == slot { window.close() }
        spaces.remove(slot: slot)
    }

    /// All pages of an area leave their trees and nodes, and its chunks become free.
    private mutating func forgetPages(ofSlot slot: UInt32) {
        let chunks = spaces.areas[Int(slot)]!.chunks
        for (place, chunk) in chunks.enumerated() where chunk != PageTable.noChunk {
            for page in chunk << 6..<(chunk + 1) << 6 { forget(page) }
            table.freeChunk(chunk)
            policy.forget(chunk: chunk)
            spaces.setChunk(PageTable.noChunk, slot: slot, place: UInt32(place))
        }
    }

    /// Some merged pages of an area, at most a batch.
    func stablePages(of area: AreaID) -> [UInt32] {
        guard let slot = spaces.slotOfArea[area] else { return [] }
        return stablePages(ofSlot: slot)
    }

    private func stablePages(ofSlot slot: UInt32) -> [UInt32] {
        var pages: [UInt32] = []
        for chunk in spaces.areas[Int(slot)]!.chunks where chunk != PageTable.noChunk {
            var mask = table.mask(of: .stable, chunk: chunk)
            while mask != 0 {
                pages.append(chunk << 6 | UInt32(mask.trailingZeroBitCount))
                mask &= mask - 1
            }
            if pages.count >= configuration.batchPages { break }
        }
        return pages
    }

    func anyStablePages() -> [UInt32] {
        guard table.count(.stable) > 0 else { return [] }
        for slot in spaces.slots {
            let pages = stablePages(ofSlot: slot)
            if !pages.isEmpty { return pages }
        }
        return []
    }

    /// After `run` 2: areas stay registered, everything known of their pages goes.
    mutating func forgetEverything() {
        for slot in spaces.slots { forgetPages(ofSlot: slot) }
        removeAllFromUnstableTrees()
        waiting.removeAll()
        leftovers.removeAll()
        areasToForget = spaces.slots.map { spaces.areas[Int($0)]!.area.id }
        window.close()
        spaces.rewind()
        scanNumber = (scanNumber + 1) & PageLink.payloadMask
    }
}
