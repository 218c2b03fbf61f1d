/// What merging in one process did and cost, counted since its start.
public struct MemoryStatistics: Sendable, Hashable {
    /// Calls of PAGEMAP_SCAN: the whole cost of observing idle memory.
    public var pagemapScans: UInt64 = 0
    /// All system calls made to merge, unmerge and discard.
    public var systemCalls: UInt64 = 0
    /// Bytes read for checksums and comparisons, frames included.
    public var bytesRead: UInt64 = 0
    /// Windows in which pages were merged.
    public var windows: UInt64 = 0
    /// Stores of the program that met a merge in flight and waited for it.
    public var writesWaited: UInt64 = 0
    /// Loads of the program that met a merge in flight and waited for it.
    public var readsWaited: UInt64 = 0
    /// Pages that were moved back: a write had reached them after the first comparison, or no map entry was left.
    public var pagesMovedBack: UInt64 = 0
    /// Moves that the kernel reported as failed and had done (a fault of Linux 6.18), found and repaired.
    public var repairedMoves: UInt64 = 0
    /// Pages whose content could not be put back; always 0 unless the program unmapped the memory meanwhile.
    public var pagesLost: UInt64 = 0
    /// Frames in use, and frames released that wait for the rest of their segment.
    public var framesInUse = 0
    /// Frames released that wait for the rest of their segment to be released too.
    public var framesHeld = 0
    /// Bytes that the kernel holds for frames, by its own account.
    public var storedBytes = 0
    /// Map entries of the process, as far as known, and the limit that merging keeps to.
    public var mapEntries = 0
    /// Map entries at which merging makes no more.
    public var mapEntryLimit = 0
    /// Pages that were written since they merged: they keep memory of their own until they are discarded.
    public var rewrittenPages = 0

    /// CPU time of the merging thread by step.
    public var cpu = StepTimes()

    /// Takes zeros.
    public init() {}
}

/// CPU time of the merging thread, in nanoseconds, by step of the scan.
public struct StepTimes: Sendable, Hashable {
    /// Asking the kernel which pages changed.
    public var observe: UInt64 = 0
    /// Taking checksums.
    public var checksum: UInt64 = 0
    /// Filling new frames, a part of merging.
    public var fill: UInt64 = 0
    /// Merging, with filling.
    public var merge: UInt64 = 0
    /// Unmerging.
    public var unmerge: UInt64 = 0
    /// Everything, with matching and the merger's own bookkeeping.
    public var total: UInt64 = 0

    /// Looking pages up and comparing them, and bookkeeping: what is left of the total.
    public var match: UInt64 { total - min(total, observe + checksum + merge + unmerge) }

    /// Takes zeros.
    public init() {}
}
