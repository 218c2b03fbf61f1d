public import PageMemory

/// The merger's counters, as numbers; names and meanings are those of today's /sys/kernel/mm/ksm.
public struct Counters: Sendable, Hashable {
    /// Frames in use (KSM pages), those of rows included.
    public var pagesShared = 0
    /// Further pages that map those frames: the pages saved. Not below 0, also where pages have left a row that has more
    /// frames than pages now.
    public var pagesSharing = 0
    /// Pages that map frames, less the frames: as ``pagesSharing``, but below 0 where rows cost more than they save.
    public var pagesSaved = 0
    /// Pages in the unstable tree, unchanged and without a twin, and those left alone for now because the memory could not
    /// merge them.
    public var pagesUnshared = 0
    /// Pages that fit none of the others: changing, or not looked at often enough yet.
    public var pagesVolatile = 0
    /// Pages handed to the merger since the start.
    public var pagesScanned: UInt64 = 0
    /// Pages passed over by the policy since the start.
    public var pagesSkipped: UInt64 = 0
    /// Full scans since the start or the last `run` 2.
    public var fullScans: UInt64 = 0
    /// Pages of zeros that were given back.
    public var zeroPages = 0
    /// Contents that have several frames (rows) because more pages hold them than may share one.
    public var stableNodeChains = 0
    /// The frames (rows) of all those contents. Ones that no page maps any more are never counted.
    public var stableNodeDuplicates = 0
    /// Pages that the merger keeps an item for.
    public var items = 0

    /// Pages that got a checksum since the start.
    public var pagesChecksummed: UInt64 = 0
    /// Comparisons of two contents asked of the memory since the start.
    public var comparisons: UInt64 = 0
    /// Pages handed to the memory to be merged since the start.
    public var pagesPlanned: UInt64 = 0
    /// Pages merged since the start, zero pages included.
    public var pagesMerged: UInt64 = 0
    /// Pages that the memory left as they were since the start, by reason.
    public var notMerged: [SiteOutcome: UInt64] = [:]
    /// Pages left alone for now because the memory could not merge them.
    public var pagesRefused = 0

    /// Bytes of the merger's state beyond those of each item (for `minimum_age_millisecs`, `minimum_sharers`,
    /// `merge_across_nodes` 0 and the policy), and what its driver adds of its own.
    public var extraBytes = 0

    /// Bytes that the merger's state takes for each page it keeps an item for.
    public static let bytesPerItem = 32

    /// Memory gained, in bytes: pages saved and zero pages given back, less the merger's own state. May be negative.
    public func generalProfit(pageSize: Int) -> Int {
        (pagesSaved + zeroPages) * pageSize - items * Counters.bytesPerItem - extraBytes
    }

    /// Takes zeros.
    public init() {}
}

extension Counters {
    /// The attributes that show counters, by their names in today's /sys/kernel/mm/ksm, in the order in which they are shown.
    public static let attributes = [
        "pages_shared", "pages_sharing", "pages_unshared", "pages_volatile", "pages_scanned", "pages_skipped",
        "full_scans", "ksm_zero_pages", "general_profit", "stable_node_chains", "stable_node_dups",
    ]

    /// The value of one of ``attributes``, as text; `nil` for other names.
    public func value(of attribute: String, pageSize: Int) -> String? {
        switch attribute {
        case "pages_shared": String(pagesShared)
        case "pages_sharing": String(pagesSharing)
        case "pages_unshared": String(pagesUnshared)
        case "pages_volatile": String(pagesVolatile)
        case "pages_scanned": String(pagesScanned)
        case "pages_skipped": String(pagesSkipped)
        case "full_scans": String(fullScans)
        case "ksm_zero_pages": String(zeroPages)
        case "stable_node_chains": String(stableNodeChains)
        case "stable_node_dups": String(stableNodeDuplicates)
        case "general_profit": String(generalProfit(pageSize: pageSize))
        default: nil
        }
    }
}
