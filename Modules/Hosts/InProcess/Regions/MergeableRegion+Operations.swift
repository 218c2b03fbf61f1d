import CLinuxMemory
public import Merger
import PageMemory
import Remap
import Synchronization

extension MergeableRegion {
    /// Makes a part of the region read as zeros and gives its memory back, as MADV_DONTNEED does.
    ///
    /// - Parameter range: Byte offsets; whole pages.
    /// - Throws: ``InProcessError``: `badRange`, `released`.
    public func discard(_ range: Range<Int>) throws(InProcessError) {
        let now = try beginOperation()
        defer { endOperation() }
        let (bytes, area) = (now.bytes, now.area)
        let pageSize = merger.pageSize
        guard range.lowerBound >= 0, range.upperBound <= bytes.byteCount, range.lowerBound % pageSize == 0,
            range.upperBound % pageSize == 0
        else {
            throw InProcessError(
                .badRange,
                "bytes \(range.lowerBound) to \(range.upperBound) cannot be discarded: they must be whole pages of "
                    + "\(pageSize) bytes within the region's \(bytes.byteCount)")
        }
        guard !range.isEmpty else { return }
        let part = ByteRange(address: bytes.address + UInt(range.lowerBound), byteCount: range.count)
        let pages = UInt32(range.lowerBound / pageSize)..<UInt32(range.upperBound / pageSize)
        do throws(InProcessError) {
            let isDone = try merger.perform { engine throws(InProcessError) in
                guard engine.memory.regions[area] != nil else { return false }
                engine.discard(area, pages)
                return true
            }
            if isDone { return }
        } catch  where error.code == .forked || error.code == .stopped {
            // Nobody merges here any more: the memory is the caller's alone.
        }
        // Never registered, because nothing can be merged here, or not any more.
        try MergeableRegion.replaceByZeros(part)
    }

    /// A fresh mapping over memory that nobody merges.
    private static func replaceByZeros(_ part: ByteRange) throws(InProcessError) {
        let flags = Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_FIXED)
        let result = lm_mmap(
            part.address, part.byteCount, Int32(LM_PROT_READ | LM_PROT_WRITE), flags, -1, 0)
        guard lm_is_error(result) == 0 else { throw .system("mmap", result) }
    }

    /// Whether the region takes part in merging (MADV_MERGEABLE).
    public var isMergeable: Bool { state.withLock { $0.isMergeable && !$0.isReleased } }

    /// Gives all merged pages memory of their own again, and leaves the region out of merging from now on
    /// (MADV_UNMERGEABLE). The content stays.
    ///
    /// - Throws: ``InProcessError``: `outOfResources` when there is no memory for all copies (the region stays
    ///   registered and what could not be copied stays merged), `released`, `stopped`, `forked`.
    public func unmerge() throws(InProcessError) {
        let area = try beginOperation().area
        defer { endOperation() }
        try merger.perform { engine throws(InProcessError) in try engine.unregister(area, unmerging: true) }
        state.withLock { $0.isMergeable = false }
    }

    /// Lets the region take part in merging again after ``unmerge()``.
    ///
    /// - Throws: ``InProcessError``: `outOfResources`, `released`, `stopped`, `forked`.
    public func makeMergeable() throws(InProcessError) {
        let now = try beginOperation()
        defer { endOperation() }
        try merger.perform(waking: true) { engine throws(InProcessError) in
            try engine.register(now.area, now.bytes, advice: now.advice, isAdopted: !now.isOwned)
        }
        state.withLock { $0.isMergeable = true }
    }

    /// What has become of the region's pages.
    ///
    /// - Throws: ``InProcessError``: `released`, `stopped`, `forked`.
    public func census() throws(InProcessError) -> AreaCensus {
        let area = try beginOperation().area
        defer { endOperation() }
        return try merger.perform { engine throws(InProcessError) in
            engine.merger.census(of: area) ?? AreaCensus()
        }
    }

    /// Ends the region. Memory that it allocated is unmapped; adopted memory is unmerged and stays the program's, as if it had
    /// never been merged. Doing it twice is an error; the last reference going away does it too.
    ///
    /// After ``InProcessMerger/stop()``, and in a forked child, adopted memory is only let go: in the child its merged
    /// pages must not be given to MADV_DONTNEED or mremap.
    ///
    /// - Throws: ``InProcessError``: `released`, `inUse` while its bytes are being used, `outOfResources` or `pinned` when adopted
    ///   memory cannot be given back now; it is not merged any more then, and can be released again.
    public func release() throws(InProcessError) {
        let before = try beginChange("release")
        defer { endChange() }
        let area = before.area
        do throws(InProcessError) {
            try merger.perform { engine throws(InProcessError) in
                if before.isOwned {
                    try engine.unregister(area, unmerging: false)
                } else {
                    try engine.returnAdopted(area)
                }
                engine.forget(area)
            }
        } catch {
            guard error.code == .forked || error.code == .stopped else {
                state.withLock { $0.isMergeable = false }
                throw error
            }
        }
        state.withLock { $0.isReleased = true }
        // Nobody else knows the memory: the region is this call's alone, and is not scanned any more.
        if before.isOwned { _ = lm_munmap(before.bytes.address, before.bytes.byteCount) }
    }
}
