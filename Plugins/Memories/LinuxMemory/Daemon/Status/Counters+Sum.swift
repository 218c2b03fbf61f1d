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

    /// The value of an attribute that is a counter, by its name in /sys/kernel/mm/ksm; `nil` for others.
    func value(of attribute: String, pageSize: Int) -> String? {
        switch attribute {
        case "pages_shared": String(pagesShared)
        case "pages_sharing": String(pagesSharing)
        case "pages_unshared": String(pagesUnshared)
        case "pages_volatile": String(pagesVolatile)
        case "pages_scanned": String(pagesScanned)
        case "pages_skipped": String(pagesSkipped)
        case "full_scans": String(fullScans)
        case "ksm_zero_pages": String(zeroPages)
        case "general_profit": String(generalProfit(pageSize: pageSize))
        default: nil
        }
    }
}
