import CLinuxMemory
import Merger
import PageMemory
import Remap
import Synchronization

/// Memory of this process that may be merged: equal pages of all regions of one merger share physical memory, until
/// someone writes to them. Reading and writing need no call; a write to a merged page copies it, as after fork.
///
/// The memory must be discarded, resized and released through the region, not by madvise, mremap or munmap: the kernel
/// would show the content of frames instead of zeros. Its protection must stay as it is: no mprotect. mlock undoes merging
/// silently. Memory handed to devices or io_uring (pinned) is left alone for as long as it is.
public final class MergeableRegion: Sendable {
    /// The merger that the region belongs to.
    public let merger: InProcessMerger
    let state: Mutex<RegionState>

    struct RegionState {
        var bytes: ByteRange
        var area: AreaID
        let isOwned: Bool
        let advice: RemapAdvice
        var isMergeable = true
        var isReleased = false
        /// Calls that use the region at the moment.
        var users = 0
        /// Whether a call has the region for itself: it moves, or ends.
        var isChanging = false
    }

    init(merger: InProcessMerger, bytes: ByteRange, isOwned: Bool, advice: RemapAdvice) throws(InProcessError) {
        self.merger = merger
        let area = AreaID(rawValue: merger.makeAreaNumber())
        state = Mutex(RegionState(bytes: bytes, area: area, isOwned: isOwned, advice: advice))
        try merger.perform(waking: true) { engine throws(InProcessError) in
            try engine.register(area, bytes, advice: advice, isAdopted: !isOwned)
        }
    }

    deinit {
        // The last reference is gone, so nobody uses the bytes through the region.
        let before = state.withLock { $0 }
        guard !before.isReleased else { return }
        do throws(InProcessError) {
            try release()
        } catch {
            // Nobody can try again: the memory is left as it is, and is not scanned any more.
            try? merger.perform { engine throws(InProcessError) in engine.abandon(before.area) }
        }
    }

    /// Allocates zeroed memory and registers it.
    ///
    /// - Parameters:
    ///   - byteCount: More than 0; rounded up to whole pages.
    ///   - merger: The merger to register it with.
    /// - Throws: ``InProcessError``: `badRange`, `outOfResources`, `stopped`, `forked`.
    public static func allocate(byteCount: Int, in merger: InProcessMerger) throws(InProcessError) -> MergeableRegion {
        let pageSize = merger.pageSize
        guard byteCount > 0, byteCount <= Int.max - pageSize else {
            throw InProcessError(.badRange, "\(byteCount) bytes cannot be allocated: ask for at least 1 byte")
        }
        let size = (byteCount + pageSize - 1) / pageSize * pageSize
        guard size / pageSize <= Int(AreaError.largestArea) else {
            throw InProcessError(.badRange, "\(byteCount) bytes are too many for one region: use several")
        }
        // SAFETY: a fresh mapping, which nobody else knows.
        let address = lm_mmap(
            0, size, Int32(LM_PROT_READ | LM_PROT_WRITE), Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS), -1, 0)
        guard lm_is_error(address) == 0 else { throw .system("mmap", address) }
        let bytes = ByteRange(address: UInt(bitPattern: address), byteCount: size)
        do throws(InProcessError) {
            return try MergeableRegion(merger: merger, bytes: bytes, isOwned: true, advice: [])
        } catch {
            _ = lm_munmap(bytes.address, size)
            throw error
        }
    }

    /// Registers memory that the program has mapped itself: private, anonymous, readable and writable, in whole pages.
    ///
    /// The program keeps owning it, and must release the region before it unmaps the memory. Never adopt memory of malloc
    /// or of the stack.
    ///
    /// - Throws: ``InProcessError``: `badRange` for addresses or lengths that are not whole pages, `unmergeable` with
    ///   the reason for memory that cannot merge, `alreadyRegistered`, `outOfResources`, `stopped`, `forked`.
    @unsafe
    public static func adopt(
        _ buffer: UnsafeMutableRawBufferPointer, in merger: InProcessMerger
    ) throws(InProcessError) -> MergeableRegion {
        let address = UInt(bitPattern: buffer.baseAddress)
        let pageSize = UInt(merger.pageSize)
        guard buffer.count > 0, address != 0, address % pageSize == 0, UInt(buffer.count) % pageSize == 0 else {
            throw InProcessError(
                .badRange, "memory to merge must start at a page and be whole pages of \(pageSize) bytes")
        }
        guard UInt(buffer.count) / pageSize <= UInt(AreaError.largestArea) else {
            throw InProcessError(.badRange, "\(buffer.count) bytes are too many for one region: use several")
        }
        let bytes = ByteRange(address: address, byteCount: buffer.count)
        let excludesDontDump = try merger.perform { engine throws(InProcessError) in
            try engine.checkUnregistered(bytes)
            return engine.memory.settings.excludesDontDump
        }
        let advice = try Adoption.check(bytes, excludesDontDump: excludesDontDump)
        return try MergeableRegion(merger: merger, bytes: bytes, isOwned: false, advice: advice)
    }

    /// The size in bytes.
    public var byteCount: Int { state.withLock { $0.bytes.byteCount } }

    /// Lets `body` read the bytes. The region cannot be resized or released meanwhile.
    ///
    /// - Throws: ``InProcessError`` of code `released`, and what `body` throws.
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        let bytes = try beginUse()
        defer { endUse() }
        // SAFETY: the memory stays mapped while it is in use.
        return try unsafe body(UnsafeRawBufferPointer(start: bytes.pointer, count: bytes.byteCount))
    }

    /// Lets `body` read and write the bytes. The region cannot be resized or released meanwhile.
    ///
    /// - Throws: ``InProcessError`` of code `released`, and what `body` throws.
    public func withUnsafeMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) throws -> R {
        let bytes = try beginUse()
        defer { endUse() }
        // SAFETY: the memory stays mapped while it is in use.
        return try unsafe body(UnsafeMutableRawBufferPointer(start: bytes.pointer, count: bytes.byteCount))
    }

    /// Lets `body` read the bytes, safely as far as bounds and lifetime go; what other threads write at the same time is
    /// between them and `body`.
    ///
    /// - Throws: ``InProcessError`` of code `released`, and what `body` throws.
    public func withBytes<R>(_ body: (RawSpan) throws -> R) throws -> R {
        let bytes = try beginUse()
        defer { endUse() }
        // SAFETY: the memory stays mapped while it is in use.
        return try body(unsafe RawSpan(_unsafeStart: bytes.pointer, byteCount: bytes.byteCount))
    }

    /// Lets `body` read and write the bytes, safely as far as bounds and lifetime go.
    ///
    /// - Throws: ``InProcessError`` of code `released`, and what `body` throws.
    public func withMutableBytes<R>(_ body: (inout MutableRawSpan) throws -> R) throws -> R {
        let bytes = try beginUse()
        defer { endUse() }
        // SAFETY: the memory stays mapped while it is in use.
        var span = unsafe MutableRawSpan(_unsafeStart: bytes.pointer, byteCount: bytes.byteCount)
        return try body(&span)
    }

    private func beginUse() throws(InProcessError) -> ByteRange { try beginOperation().bytes }

    private func endUse() { endOperation() }

    /// Keeps the region where it is until ``endOperation()``.
    func beginOperation() throws(InProcessError) -> RegionState {
        let isAlone = merger.isForked
        let now = state.withLock { state in
            // In a forked child the other threads, and what they were doing, are gone.
            if isAlone { state.isChanging = false }
            let now = state
            if !now.isReleased, !now.isChanging { state.users += 1 }
            return now
        }
        if now.isReleased { throw MergeableRegion.releasedError }
        if now.isChanging {
            throw InProcessError(.inUse, "the region is being resized or released by another thread")
        }
        return now
    }

    func endOperation() { state.withLock { $0.users -= 1 } }

    /// Takes the region for one call alone, until ``endChange()``.
    func beginChange(_ what: String) throws(InProcessError) -> RegionState {
        let isAlone = merger.isForked
        let now = state.withLock { state in
            if isAlone {
                state.isChanging = false
                state.users = 0
            }
            let now = state
            if !now.isReleased, !now.isChanging, now.users == 0 { state.isChanging = true }
            return now
        }
        if now.isReleased { throw MergeableRegion.releasedError }
        if now.isChanging || now.users > 0 {
            throw InProcessError(.inUse, "the region's bytes are being used; \(what) it when that is done")
        }
        return now
    }

    func endChange() { state.withLock { $0.isChanging = false } }

    static let releasedError = InProcessError(.released, "the region was released; allocate or adopt another")
}
