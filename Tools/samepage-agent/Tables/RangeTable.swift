internal import CLinuxMemory

/// The ranges that the program wants merged, by ascending address; they never overlap. Everything here is for whoever
/// holds ``AgentLock``, and pointers to ranges die when it is released.
///
/// What an entry says:
/// - A page that lies over a frame keeps its frame bits until the program unmaps or replaces it, or it is unmerged:
///   also when it is gone or unfit. As long as one does, its range stays.
/// - Gone pages without a frame are nothing to the agent. Unfit pages may be unreadable: never touch them.
/// - In a range whose ``AgentRange/area`` is 0 no page has been examined, whatever the entries say: nothing in it may
///   be read, tracked or merged.
struct RangeTable {
    /// How many ranges there are.
    var count: Int { unsafe Int(tables.rangeCount) }

    /// The range at a position below ``count``.
    subscript(position: Int) -> UnsafeMutablePointer<AgentRange> {
        // SAFETY: there are ranges, so there are tables; positions below the count name places in use.
        unsafe tables.ranges.unsafelyUnwrapped + Int(tables.order.unsafelyUnwrapped[position])
    }

    /// The range with an area number. O(1).
    func find(area: UInt32) -> UnsafeMutablePointer<AgentRange>? {
        let place = Int(area & 0xFFFF)
        guard area != 0, unsafe place < Int(tables.placesUsed) else { return nil }
        // SAFETY: the place has been used before.
        let range = unsafe tables.ranges.unsafelyUnwrapped + place
        return unsafe range.pointee.area == area && range.pointee.pageCount != 0 ? range : nil
    }

    /// The position of the first range that ends after an address; ``count`` if there is none. O(log n).
    func firstPosition(endingAfter address: UInt) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if unsafe self[middle].pointee.end <= address { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Whether a range waits for ``examineRanges()``. May be read without the lock.
    var needExamination: Bool { unsafe lm_atomic_load(&rangesToExamine) != 0 }

    /// Adds a range of pages that belong to no range; all entries are 0. `nil` without memory or places.
    ///
    /// - Complexity: O(n) in the ranges above it.
    func insert(base: UInt, pageCount: UInt32) -> UnsafeMutablePointer<AgentRange>? {
        guard TableMemory.map(), count < TableMemory.rangeCapacity, let place = takePlace() else { return nil }
        guard let entries = unsafe makeEntries(pageCount, at: place) else {
            freePlace(place)
            return nil
        }
        let position = firstPosition(endingAfter: base)
        // SAFETY: the place is free; the order has room for one more.
        let range = unsafe tables.ranges.unsafelyUnwrapped + Int(place)
        unsafe range.initialize(
            to: AgentRange(
                base: base, pageCount: pageCount, area: 0, advice: .none, flags: AgentRange.needsExamination,
                generation: nextGeneration(), entries: entries))
        let order = unsafe tables.order.unsafelyUnwrapped
        var moving = count
        while moving > position {
            unsafe order[moving] = order[moving - 1]
            moving -= 1
        }
        unsafe order[position] = place
        unsafe lm_atomic_store(&tables.rangeCount, tables.rangeCount + 1)
        unsafe lm_atomic_store(&rangesToExamine, 1)
        return unsafe range
    }

    /// Pages that have the entries of so many pages; 0 where the place's slot has them.
    private func entryPages(of pageCount: UInt32) -> Int {
        let size = Int(pageCount) * MemoryLayout<PageEntry>.stride
        return pageCount <= TableMemory.slotPages ? 0 : (size + 4095) >> 12
    }

    /// Entries for so many pages of the range at a place, all 0; `nil` without memory.
    private func makeEntries(_ pageCount: UInt32, at place: UInt32) -> UnsafeMutablePointer<PageEntry>? {
        let pages = entryPages(of: pageCount)
        guard pages == 0 else {
            return unsafe EntryMemory.take(pages).flatMap { unsafe UnsafeMutablePointer(bitPattern: $0) }
        }
        let first = Int(place) * TableMemory.slotPages
        guard agentMemory.reach(.slots, (first + TableMemory.slotPages) * MemoryLayout<PageEntry>.stride) else {
            return nil
        }
        // SAFETY: each place of the table has a slot, and nobody else uses that of a free one.
        let slot = unsafe tables.slots.unsafelyUnwrapped + first
        unsafe slot.initialize(repeating: .fresh, count: Int(pageCount))
        return unsafe slot
    }

    /// Takes out a range and gives its memory back: one that is leaving, and that the daemon knows no more.
    ///
    /// - Complexity: O(n) in the ranges above it.
    func remove(_ range: UnsafeMutablePointer<AgentRange>) {
        // SAFETY: the range is one of the table's, and insert made its entries.
        let base = unsafe range.pointee.base
        let position = firstPosition(endingAfter: base)
        let order = unsafe tables.order.unsafelyUnwrapped
        let place = unsafe order[position]
        let pages = unsafe entryPages(of: range.pointee.pageCount)
        if pages > 0 { unsafe EntryMemory.giveBack(UInt(bitPattern: range.pointee.entries), pages) }
        for moving in position..<(count - 1) { unsafe order[moving] = order[moving + 1] }
        unsafe lm_atomic_store(&tables.rangeCount, tables.rangeCount - 1)
        freePlace(place)
    }

    /// Gives a range its area number.
    func number(_ range: UnsafeMutablePointer<AgentRange>) {
        // SAFETY: the range is one of the table's.
        let place = unsafe range - tables.ranges.unsafelyUnwrapped
        unsafe range.pointee.area = UInt32(tables.uses.unsafelyUnwrapped[place]) << 16 | UInt32(place)
    }

    /// The number of the next change.
    func nextGeneration() -> UInt32 {
        unsafe tables.generation &+= 1
        return unsafe tables.generation
    }

    /// A place that no range uses; one whose numbers are used up is not used again.
    private func takePlace() -> UInt32? {
        let uses = unsafe tables.uses.unsafelyUnwrapped
        let ranges = unsafe tables.ranges.unsafelyUnwrapped
        if unsafe tables.freePlace != 0 {
            let place = unsafe tables.freePlace - 1
            // SAFETY: a free place keeps the next one in its flags.
            unsafe tables.freePlace = ranges[Int(place)].flags
            unsafe uses[Int(place)] += 1
            return place
        }
        let place = unsafe tables.placesUsed
        guard place < UInt32(TableMemory.rangeCapacity), TableMemory.reachPlace(Int(place), position: count) else {
            return nil
        }
        unsafe tables.placesUsed = place + 1
        unsafe uses[Int(place)] = 1
        return place
    }

    private func freePlace(_ place: UInt32) {
        let range = unsafe tables.ranges.unsafelyUnwrapped + Int(place)
        // SAFETY: the place is out of the order.
        unsafe range.pointee.area = 0
        unsafe range.pointee.pageCount = 0
        guard unsafe tables.uses.unsafelyUnwrapped[Int(place)] < UInt16.max else { return }
        unsafe range.pointee.flags = tables.freePlace
        unsafe tables.freePlace = place + 1
    }
}

/// The ranges of the process.
var ranges: RangeTable { RangeTable() }

/// 1 while a range waits for ``examineRanges()``.
nonisolated(unsafe) var rangesToExamine: UInt32 = 0
