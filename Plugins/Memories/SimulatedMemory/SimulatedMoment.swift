public import PageMemory

/// A moment of a call at which a test or a scenario may let the program do something.
///
/// Between two moments a call is atomic: what happens at ``beforeVerifying(_:)`` is seen by the comparison, what happens
/// at ``afterMapping(_:)`` comes after the page is shared.
public enum SimulatedMoment: Hashable, Sendable {
    /// `observe` was called, nothing has been looked at.
    case beforeObserving(AreaID)
    /// `observe` is about to return.
    case afterObserving(AreaID)
    /// `takeChecksums` is about to read this page.
    case beforeChecksum(PageAddress)
    /// `compare` is about to read these two.
    case beforeComparing(PageContent, PageContent)
    /// `merge` was called, nothing has been done.
    case beforeMerging
    /// `merge` is about to make the frames of this group.
    case beforeFilling(group: Int)
    /// `merge` has made the frames of this group.
    case afterFilling(group: Int)
    /// `merge` is about to write-protect this page, compare it with its frame and share it.
    case beforeVerifying(PageAddress)
    /// `merge` has shared this page.
    case afterMapping(PageAddress)
    /// `unmerge` is about to give this page memory of its own.
    case beforeUnmerging(PageAddress)
    /// `release` was called.
    case beforeReleasing
}

/// A step of the memory that a test may refuse for a page.
public enum SimulatedStep: Hashable, Sendable, CaseIterable {
    /// Observing a range that begins with this page: when refused, whatever for, the call fails for want of memory.
    case observe
    /// Filling new frames from this page: when refused, no site of the group is merged.
    case fill
    /// Sharing this page.
    case merge
    /// Giving this page memory of its own again.
    case unmerge
}

/// How much work a memory was asked to do. All numbers grow from zero; assign a new tally to start again.
public struct SimulatedTally: Hashable, Sendable {
    /// Calls of `observe`.
    public var observations = 0
    /// Chunks of 64 pages that `observe` looked at: holes cost nothing.
    public var chunksObserved = 0
    /// Pages that `observe` reported as changed.
    public var pagesReported = 0
    /// Pages that `takeChecksums` was asked for.
    public var checksums = 0
    /// Calls of `compare`.
    public var comparisons = 0
    /// Sites of plans given to `merge`.
    public var mergeSites = 0
    /// Sites that were merged.
    public var sitesMerged = 0
    /// Pages given to `unmerge`.
    public var unmerges = 0
    /// Frames given back by `release`.
    public var framesReleased = 0
    /// Bytes of pages and frames read by checksums, comparisons and merges, in bytes.
    public var bytesRead = 0

    /// Makes a tally of nothing.
    public init() {}

    /// Whether no page and no frame was read, compared or changed; observing is allowed.
    public var isIdle: Bool { checksums + comparisons + mergeSites + unmerges + framesReleased + bytesRead == 0 }
}
