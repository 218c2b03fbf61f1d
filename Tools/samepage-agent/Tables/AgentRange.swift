/// A range of memory that the program wants merged: plain data in memory of the agent's own, read and changed only while
/// the agent's lock is held.
@safe
struct AgentRange {
    /// The address of the first page.
    var base: UInt
    /// Its length in pages.
    var pageCount: UInt32
    /// Its number at the daemon, never used twice in a process; 0 while it has none.
    var area: UInt32
    /// Advice to give again for every mapping that replaces a part of it.
    var advice: RemapAdvice
    /// See the constants.
    var flags: UInt32 {
        didSet { if flags & AgentRange.isNews != 0 { NewsSign.give() } }
    }
    /// Rises whenever the program changes something about its memory: whoever looked without the lock must look again.
    var generation: UInt32
    /// One entry for each page.
    var entries: UnsafeMutablePointer<PageEntry>
    /// The full scans that it has seen.
    var scans = RangeScans()

    /// The daemon of this connection knows it.
    static var isAnnounced: UInt32 { 1 }
    /// Pages are unfit that may not be so: the agent's thread looks at them.
    static var needsExamination: UInt32 { 2 }
    /// Some mergeable pages are not tracked: track before the next scan.
    static var lacksTracking: UInt32 { 4 }
    /// Some entries are discarded or orphaned: the next observation goes through the map table.
    static var hasNews: UInt32 { 8 }
    /// No page is wanted any more: the agent's thread takes it out.
    static var isLeaving: UInt32 { 16 }
    /// When nothing was new last, some pages were not mergeable, and so perhaps not tracked.
    static var hasGaps: UInt32 { 32 }
    /// Some written pages are not to be tracked: see ``PageWrites``, and those that were rewritten over frames.
    static var hasUntracked: UInt32 { 64 }

    /// The flags of which the next observation has something to tell, whether pages were written or not.
    static var isNews: UInt32 { hasNews | lacksTracking }

    /// The address after the last page.
    var end: UInt { base + UInt(pageCount) << 12 }
}
