/// The third job of a memory: carry out merge plans and undo merges.
///
/// The promise of every implementation: no byte that a program can read changes because of these calls, whatever the
/// program does at the same moment. Where that cannot be had, the page is not merged.
public protocol PageMerger {
    /// Carries out a plan.
    ///
    /// Every page is compared byte for byte with its frame while it cannot be written, after whatever the match
    /// step believed. A page that was merged shares its frame copy-on-write from then on. New frames hold content
    /// whose digest is the group's; if the source has changed, no site of the group is merged.
    ///
    /// Pages of earlier merges may be among the sites (written since, and equal again).
    ///
    /// - Parameters:
    ///   - plan: At most a few thousand sites; pages of several areas and spaces.
    ///   - outcome: Filled with one answer for each site and each group.
    mutating func merge(_ plan: MergePlan, into outcome: inout MergeOutcome)

    /// Gives merged pages memory of their own again, with the same bytes.
    ///
    /// - Parameters:
    ///   - pages: Pages that were merged, ascending; some may have been broken by a write since.
    ///   - outcome: Cleared, then one answer for each page.
    mutating func unmerge(_ pages: [PageAddress], into outcome: inout [SiteOutcome])

    /// Tells that no page that the merger knows of maps these frames any more. The memory frees or reuses them only on
    /// proof that nobody else (a forked child) does.
    mutating func release(_ rows: [FrameRow])
}

/// A memory that does all three jobs.
public typealias MergeableMemory = PageObserver & PageReader & PageMerger
