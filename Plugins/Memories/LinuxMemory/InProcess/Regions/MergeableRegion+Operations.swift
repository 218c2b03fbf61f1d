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
        let (bytes, area) = try current()
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
                try engine.discard(area, pages)
                return true
            }
            if isDone { return }
        } catch  where error.code == .forked || error.code == .stopped {
            // Nobody merges here any more: the memory is the caller's alone.
        }
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
        let (_, area) = try current()
        try merger.perform { engine throws(InProcessError) in try engine.unregister(area, unmerging: true) }
        state.withLock { $0.isMergeable = false }
    }

    /// Lets the region take part in merging again after ``unmerge()``.
    ///
    /// - Throws: ``InProcessError``: `outOfResources`, `released`, `stopped`, `forked`.
    public func makeMergeable() throws(InProcessError) {
        let (bytes, area) = try current()
        guard !isMergeable else { return }
        let advice = state.withLock { $0.advice }
        try merger.perform { engine throws(InProcessError) in try engine.register(area, bytes, advice: advice) }
        state.withLock { $0.isMergeable = true }
    }

    /// What has become of the region's pages.
    ///
    /// - Throws: ``InProcessError``: `released`, `stopped`, `forked`.
    public func census() throws(InProcessError) -> AreaCensus {
        let (_, area) = try current()
        return try merger.perform { engine throws(InProcessError) in
            engine.merger.census(of: area) ?? AreaCensus()
        }
    }

    /// Ends the region. Memory that it allocated is unmapped; adopted memory is unmerged and stays the program's. Doing it
    /// twice is an error; the last reference going away does it too.
    ///
    /// - Throws: ``InProcessError``: `released`, `inUse` while its bytes are being used, `outOfResources` when adopted
    ///   memory cannot be unmerged.
    public func release() throws(InProcessError) {
        let before = try beginRelease()
        let area = before.area
        do throws(InProcessError) {
            try merger.perform { engine throws(InProcessError) in
                try engine.unregister(area, unmerging: !before.isOwned)
                if !before.isOwned { engine.returnToAnonymous(area) }
                engine.forget(area)
                guard before.isOwned else { return }
                _ = lm_munmap(before.bytes.address, before.bytes.byteCount)
            }
            return
        } catch {
            guard error.code == .forked || error.code == .stopped else {
                state.withLock { $0.isReleased = false }
                throw error
            }
        }
        if before.isOwned { _ = lm_munmap(before.bytes.address, before.bytes.byteCount) }
    }

    private func beginRelease() throws(InProcessError) -> RegionState {
        let (before, wasReleased, isInUse) = state.withLock { state in
            let before = state
            if !state.isReleased, state.users == 0 { state.isReleased = true }
            return (before, before.isReleased, before.users > 0)
        }
        if wasReleased { throw MergeableRegion.releasedError }
        if isInUse {
            throw InProcessError(.inUse, "the region's bytes are being used; release it when that is done")
        }
        return before
    }

    /// Where the region lies now.
    func current() throws(InProcessError) -> (bytes: ByteRange, area: AreaID) {
        let now = state.withLock { $0 }
        guard !now.isReleased else { throw MergeableRegion.releasedError }
        return (now.bytes, now.area)
    }
}
