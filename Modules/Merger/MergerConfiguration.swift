/// What the merger is told to do: the kernel's `run` file.
public enum RunMode: UInt64, Sendable, Hashable {
    /// Do not scan; keep what is merged.
    case stop = 0
    /// Scan and merge.
    case run = 1
    /// Stop, and give every merged page memory of its own again.
    case unmerge = 2
}

/// Which contents merge.
public enum MergedContents: String, Sendable, Hashable, CaseIterable {
    /// All.
    case all
    /// Pages of zeros only: they are given back, and nothing is shared.
    case zeros
}

/// The settings of a merger that do not belong to its policy.
public struct MergerConfiguration: Sendable, Hashable {
    /// Whose behaviour the merger has.
    public var dialect = MergerDialect.linux
    /// What to do from the start (attribute `run`).
    public var run: RunMode = .run
    /// Which contents merge; with `zeros` no frame is ever made, and pages of zeros are given back whatever
    /// ``usesZeroPages`` says.
    public var mergeOnly = MergedContents.all
    /// Whether pages of zeros are given back instead of merged (attribute `use_zero_pages`).
    public var usesZeroPages = true
    /// The longest row of identical frames for a content that one process needs often (attribute `row_length`); 1 for
    /// a single frame always, as in the kernel.
    public var rowLength: UInt32 = 64
    /// How many frames there may be before no new content is shared (attribute `max_kernel_pages`); 0 for any number.
    /// Pages may always join contents that are shared already. As in KSM's first version; later ones have no such limit.
    public var maxKernelPages: UInt64 = 0
    /// How many pages may share a frame, at least 2 (attribute `max_page_sharing`); without meaning in the dialect of 2009.
    /// Pages that a fork duplicates may exceed it.
    public var maxPageSharing: UInt32 = 256
    /// Whether pages of different NUMA nodes may be merged (attribute `merge_across_nodes`).
    public var mergesAcrossNodes = true
    /// Milliseconds after which all frames of a content that has several are looked through again for the one that is
    /// best to join (attribute `stable_node_chains_prune_millisecs`).
    public var pruneMilliseconds: UInt32 = 2000
    /// Milliseconds for which a page must have been seen unchanged before it is merged or given back (attribute
    /// `minimum_age_millisecs`); 0 for no more than two scans show. Costs 4 bytes a page. The driver must tell the time.
    public var minimumAge: UInt32 = 0
    /// How many address spaces must hold a content at the same time before it is merged (attribute `minimum_sharers`),
    /// 1 to 255. With 1 two pages of one program are enough, as in the kernel. Pages of zeros are given back
    /// whoever holds them, because nothing is shared then.
    public var minimumSharers: UInt8 = 1
    /// The scans for which a page is left alone after the memory could not merge it for a reason that lasts; the most of them
    /// where there were no map entries: then it is tried again after 2, 4, 8 ... scans.
    public var scansUntilRetry: UInt32 = 16
    /// The most scans for which a page that stays busy (pinned, or shared with a forked child) is left alone, 2 to 256: it is
    /// tried again after 2, 4, 8 ... scans, as long as it does not change.
    public var mostScansBusy: UInt32 = 256
    /// The pages of one batch; a merge plan has at most about twice as many sites.
    public var batchPages = 512

    /// Takes the defaults.
    public init() {}
}
