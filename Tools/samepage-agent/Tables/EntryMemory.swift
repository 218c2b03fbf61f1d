internal import CLinuxMemory

/// Memory for the entries of larger ranges, by pages, out of a part of the agent's. The lock is held.
enum EntryMemory {
    /// Pages there are: entries for 512 GiB of the program's memory.
    static var pageCapacity: Int { 131_072 }

    /// No page below is free.
    nonisolated(unsafe) private static var firstFree = 0
    /// No page from here on is in use.
    nonisolated(unsafe) private static var end = 0

    /// A word of the map.
    private static func word(_ number: Int) -> UnsafeMutablePointer<UInt64> {
        // SAFETY: what is used of the map has been made writable before.
        unsafe UnsafeMutablePointer<UInt64>(bitPattern: agentMemory.address(of: .entryMap)).unsafelyUnwrapped + number
    }

    /// Neighbouring pages full of zeros; `nil` where there are none.
    ///
    /// - Complexity: O(n) in the pages in use, from the first free one on.
    static func take(_ pages: Int) -> UInt? {
        guard let page = find(pages), agentMemory.reach(.entryMap, (page + pages + 63) / 64 * 8),
            agentMemory.reach(.entries, (page + pages) << 12)
        else { return nil }
        mark(page, pages, true)
        unsafe end = max(end, page + pages)
        return agentMemory.address(of: .entries) + UInt(page) << 12
    }

    /// Gives pages back.
    static func giveBack(_ address: UInt, _ pages: Int) {
        let page = Int((address - agentMemory.address(of: .entries)) >> 12)
        mark(page, pages, false)
        _ = lm_madvise(address, pages << 12, Int32(LM_MADV_DONTNEED))
        unsafe firstFree = min(firstFree, page)
        guard unsafe page + pages == end else { return }
        while unsafe end > 0 && !isUsed(end - 1) { unsafe end -= 1 }
        // A quarter of what is in use, and some, is kept for the next.
        let kept = unsafe (end + end / 4 + 256) << 12
        if kept < agentMemory.reached(.entries) { agentMemory.withdraw(.entries, keeping: kept) }
    }

    /// The first of so many free neighbours.
    private static func find(_ pages: Int) -> Int? {
        while unsafe firstFree < end && isUsed(firstFree) { unsafe firstFree += 1 }
        var page = unsafe firstFree
        var run = 0
        while unsafe page < end, run < pages {
            if page & 63 == 0, unsafe word(page >> 6).pointee == UInt64.max {
                page += 64
                run = 0
            } else {
                run = isUsed(page) ? 0 : run + 1
                page += 1
            }
        }
        let first = page - run
        return first + pages <= pageCapacity ? first : nil
    }

    private static func isUsed(_ page: Int) -> Bool {
        // SAFETY: pages below the end have their place in the map.
        unsafe word(page >> 6).pointee >> UInt64(page & 63) & 1 != 0
    }

    private static func mark(_ page: Int, _ count: Int, _ isUsed: Bool) {
        for place in page..<page + count {
            let bit: UInt64 = 1 << UInt64(place & 63)
            // SAFETY: as above.
            let word = unsafe word(place >> 6)
            unsafe word.pointee = isUsed ? word.pointee | bit : word.pointee & ~bit
        }
    }
}
