public import PageChecksum

/// Where the frames of a group of equal pages come from.
@frozen
public enum MergeSource: Hashable, Sendable {
    /// The pages are believed to hold zeros only: give them back, no frame.
    case zeros
    /// The pages join frames that exist.
    case row(FrameRow)
    /// New frames, filled from this page; it is one of the sites of the group.
    case page(PageAddress)
    /// A longer row of new frames, filled from this frame.
    case copy(Frame)
}

/// Pages of one batch that are believed to have the same content.
public struct MergeGroup: Hashable, Sendable {
    /// Where the frames come from.
    public var source: MergeSource
    /// The digest of the content. A memory that fills new frames from a page checks its own copy against this.
    public var digest: PageDigest
    /// How many frames a new row has; 1 for a single frame. Without meaning for zeros and existing rows.
    public var rowLength: UInt32

    /// Makes a group.
    public init(source: MergeSource, digest: PageDigest, rowLength: UInt32) {
        self.source = source
        self.digest = digest
        self.rowLength = rowLength
    }
}

/// One page to merge, and the group it belongs to.
@frozen
public struct MergeSite: Hashable, Sendable {
    /// The page.
    public var page: PageAddress
    /// The place of its group in ``MergePlan/groups``.
    public var group: UInt32

    /// Makes a site.
    @inlinable
    public init(page: PageAddress, group: UInt32) {
        self.page = page
        self.group = group
    }
}

/// The matches of one batch, to be carried out together by a ``PageMerger``.
public struct MergePlan: Hashable, Sendable {
    /// Groups of equal pages, in the order in which the batch met them: new frames are best placed in this order.
    public var groups: [MergeGroup]
    /// The pages, each at most once.
    public var sites: [MergeSite]

    /// Makes a plan, empty unless told otherwise.
    public init(groups: [MergeGroup] = [], sites: [MergeSite] = []) {
        self.groups = groups
        self.sites = sites
    }
}

/// What became of one page of a plan, or of one page to unmerge.
@frozen
public enum SiteOutcome: UInt8, Hashable, Sendable, CaseIterable {
    /// The page now maps its frame (or nothing, for zeros); for an unmerge: the page has its own memory again.
    case merged
    /// The page did not have the content of its group; it is as it was.
    case changed
    /// The page holds nothing any more.
    case gone
    /// The page is pinned or shared with a forked child at the moment; it is as it was. Later tries may succeed.
    case busy
    /// No map entries left for it within the budget; it is as it was.
    case mapLimit
    /// The system had no memory for it; it is as it was.
    case outOfMemory
    /// The memory never merges this page in its present state.
    case unsupported
}

/// What became of a plan, site by site and group by group.
public struct MergeOutcome: Hashable, Sendable {
    /// One outcome for each site of the plan, in the same order.
    public var sites: [SiteOutcome]
    /// For each group of the plan the row of new frames that was made for it, `nil` if none was made or none was
    /// wanted. A row that was made belongs to the merger until it releases it, also if no site was merged.
    public var rows: [FrameRow?]

    /// Makes an outcome, empty unless told otherwise.
    public init(sites: [SiteOutcome] = [], rows: [FrameRow?] = []) {
        self.sites = sites
        self.rows = rows
    }
}
