internal import CLinuxMemory

/// Neighbouring pages of a merged run that are still their frames, and write-protected: what gets anonymous memory when one
/// of them is written. From then on the kernel's test for pins applies to them.
///
/// The caller holds the lock that keeps away whatever else changes the mappings, and a context that traps the pages.
@frozen
public struct TrappedBlock: Sendable {
    /// Pages of a block: with 16 a run that is written from end to end costs a sixteenth of the traps and map entries,
    /// and a single write some microseconds more.
    public static var capacity: Int { 16 }

    /// The address of the first page.
    public let start: UInt
    /// How many pages there are.
    public let pageCount: Int
    /// Bytes in a page.
    private let pageSize: Int

    /// Finds the block of a page; `nil` if the page is not its frame and protected.
    ///
    /// - Parameters:
    ///   - page: The address of the page.
    ///   - bounds: Addresses between which everything lies over frames and may be replaced. The page is between them.
    ///   - pagemap: /proc/self/pagemap.
    public init?(around page: UInt, in bounds: (start: UInt, end: UInt), pagemap: Int32, pageSize: Int = 4096) {
        let length = UInt(Self.capacity * pageSize)
        // By address, so that blocks do not depend on where a range begins.
        let aligned = page & ~(length - 1)
        let first = max(bounds.start, aligned)
        let end = min(bounds.end, aligned + length)
        guard first <= page, page < end else { return nil }
        let count = Int(end - first) / pageSize
        var map = InlineArray<16, UInt64>(repeating: 0)
        // SAFETY: a block has at most so many pages.
        let read = unsafe withUnsafeMutableBytes(of: &map) { room in
            unsafe lm_pagemap(
                pagemap, first, count, pageSize,
                room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt64.self))
        }
        let wanted = LM_PAGEMAP_PRESENT | LM_PAGEMAP_FILE | LM_PAGEMAP_UFFD_WP
        let place = Int(page - first) / pageSize
        guard read == count, map[place] & wanted == wanted else { return nil }
        var low = place
        while low > 0, map[low - 1] & wanted == wanted { low -= 1 }
        var high = place + 1
        while high < count, map[high] & wanted == wanted { high += 1 }
        start = first + UInt(low * pageSize)
        pageCount = high - low
        self.pageSize = pageSize
    }

    /// Bytes of the block.
    public var size: Int { pageCount * pageSize }

    /// Copies the pages aside and puts the copy in their place in one step. `false`: they are as they were.
    ///
    /// - Parameters:
    ///   - aside: Room for ``capacity`` pages, which is mapped over, and stays mapped. 0 afterwards: it is no longer the
    ///     caller's, and nothing may be done there. 0 before: nothing is done.
    ///   - advice: The area's advice.
    public func becomeAnonymous(aside: inout UInt, advice: RemapAdvice) -> Bool {
        guard aside != 0, ReplacingMove.makeReady(aside, size) == 0 else { return false }
        var flags = Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_FIXED)
        if advice.contains(.noReserve) { flags |= Int32(LM_MAP_NORESERVE) }
        // Anew each time: what has moved away leaves a mapping behind that the kernel takes for its neighbour.
        let mapped = lm_mmap(aside, size, Int32(LM_PROT_READ | LM_PROT_WRITE), flags, -1, 0)
        guard lm_is_error(mapped) == 0 else { return false }
        if advice.contains(.dontFork) { _ = lm_madvise(aside, size, Int32(LM_MADV_DONTFORK)) }
        if advice.contains(.dontDump) { _ = lm_madvise(aside, size, Int32(LM_MADV_DONTDUMP)) }
        if advice.contains(.hugePage) { _ = lm_madvise(aside, size, Int32(LM_MADV_HUGEPAGE)) }
        if advice.contains(.noHugePage) { _ = lm_madvise(aside, size, Int32(LM_MADV_NOHUGEPAGE)) }
        // SAFETY: both are mapped; the pages can be read, and cannot be written at the moment.
        unsafe lm_copy(
            UnsafeMutableRawPointer(bitPattern: aside).unsafelyUnwrapped,
            UnsafeRawPointer(bitPattern: start).unsafelyUnwrapped, size)
        var move = ReplacingMove(keepsPlace: true)
        let isDone = move.move(aside, size, to: start) == 0
        if isDone, !move.keepsPlace, !ReplacingMove.takePlaceAgain(aside, size) { aside = 0 }
        return isDone
    }
}
