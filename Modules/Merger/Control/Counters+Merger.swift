public import PageMemory
import ScanPolicy

extension Merger {
    /// The counters at this moment. They are exact between two requests; after a full scan of quiet memory they
    /// equal a recount by brute force.
    ///
    /// - Complexity: O(1)
    public var counters: Counters {
        var counters = Counters()
        let sites = table.count(.stable)
        counters.items = table.itemCount
        counters.pagesShared = tally.frames
        counters.pagesSaved = sites - tally.frames
        counters.pagesSharing = max(0, counters.pagesSaved)
        counters.pagesUnshared = table.count(.unstable) + table.count(.refused)
        counters.pagesVolatile = counters.items - sites - counters.pagesUnshared
        counters.pagesScanned = tally.pagesScanned
        counters.pagesSkipped = tally.pagesSkipped
        counters.fullScans = tally.fullScans
        counters.zeroPages = table.count(.zeroed)
        counters.stableNodeChains = nodes.chainCount
        counters.stableNodeDuplicates = nodes.duplicateCount
        counters.pagesChecksummed = tally.checksummed
        counters.comparisons = tally.comparisons
        counters.pagesPlanned = tally.planned
        counters.pagesMerged = tally.merged
        counters.pagesRefused = table.count(.refused)
        counters.extraBytes =
            table.pageCount * (bytesPerItem - Counters.bytesPerItem) + waiting.memberCount
            * WaitingGroups.bytesPerMember
        for outcome in SiteOutcome.allCases where tally.notMerged[Int(outcome.rawValue)] > 0 {
            counters.notMerged[outcome] = tally.notMerged[Int(outcome.rawValue)]
        }
        return counters
    }

    /// Bytes of the merger's state for each page it keeps an item for. Included are, where they are kept, the time of its
    /// last change, the number of its tree, and what the policy knows of it.
    public var bytesPerItem: Int {
        Counters.bytesPerItem + (ages.isOn ? MemoryLayout<UInt32>.size : 0) + (table.keepsTrees ? 1 : 0)
            + policy.bytesPerPage
    }

    /// What is merged of one area: pages on frames, pages of zeros given back, and all pages that exist.
    ///
    /// - Complexity: O(n) in the pages of the area.
    public func census(of area: AreaID) -> AreaCensus? {
        guard let slot = spaces.slotOfArea[area] else { return nil }
        var census = AreaCensus()
        for chunk in spaces.areas[Int(slot)]!.chunks where chunk != PageTable.noChunk {
            for page in chunk << 6..<(chunk + 1) << 6 {
                switch table.link(page).state {
                case .absent: break
                case .stable: census.merged += 1
                case .zeroed: census.zeroed += 1
                case .refused: census.refused += 1
                case .fresh, .settled, .unstable, .planned: census.unmerged += 1
                }
            }
        }
        return census
    }
}

/// What has become of the pages of an area.
public struct AreaCensus: Sendable, Hashable {
    /// Pages that map a frame.
    public var merged = 0
    /// Pages of zeros that were given back.
    public var zeroed = 0
    /// Pages left alone for now because they could not be merged.
    public var refused = 0
    /// All others that exist.
    public var unmerged = 0

    /// Pages that the merger keeps an item for: all but those of zeros that were given back.
    public var items: Int { merged + refused + unmerged }

    /// Takes zeros.
    public init() {}
}
