import Merger

extension Counters {
    /// Adds what another merger counts, but for full scans.
    mutating func add(_ other: Counters) {
        pagesShared += other.pagesShared
        pagesSharing += other.pagesSharing
        pagesSaved += other.pagesSaved
        pagesUnshared += other.pagesUnshared
        pagesVolatile += other.pagesVolatile
        zeroPages += other.zeroPages
        stableNodeChains += other.stableNodeChains
        stableNodeDuplicates += other.stableNodeDuplicates
        items += other.items
        extraBytes += other.extraBytes
        pagesRefused += other.pagesRefused
        addPast(other)
    }

    /// Adds only what another merger has counted since its start: what stays when it ends.
    mutating func addPast(_ other: Counters) {
        pagesScanned &+= other.pagesScanned
        pagesSkipped &+= other.pagesSkipped
        pagesChecksummed &+= other.pagesChecksummed
        comparisons &+= other.comparisons
        pagesPlanned &+= other.pagesPlanned
        pagesMerged &+= other.pagesMerged
        for (outcome, count) in other.notMerged { notMerged[outcome, default: 0] &+= count }
    }
}
