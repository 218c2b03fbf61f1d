internal import CLinuxMemory

/// A stretch of memory that the program mapped itself, privately and anonymously.
struct OwnMapping {
    /// The first address.
    var start: UInt
    /// The address after the last; bit 0: see ``isOrdinary``.
    private var endAndKind: UInt

    init(start: UInt, end: UInt, isOrdinary: Bool) {
        self.start = start
        endAndKind = end | (isOrdinary ? 1 : 0)
    }

    /// The address after the last.
    var end: UInt {
        get { endAndKind & ~4095 }
        set { endAndKind = newValue | endAndKind & 1 }
    }

    /// Neither a stack nor locked when it was mapped: memory that counts when all memory is wanted.
    var isOrdinary: Bool { endAndKind & 1 != 0 }
}

/// What the program mapped itself through mmap: stretches by ascending address, neighbours of the same kind joined.
/// Only such memory is ever merged: malloc's, the heap and stacks are changed by libc where nobody sees it.
///
/// Everything here is for whoever holds ``AgentLock``.
struct OwnMappings {
    /// How many stretches there are.
    var count: Int { unsafe Int(tables.mappingCount) }

    /// The stretch at a position below ``count``.
    subscript(position: Int) -> OwnMapping {
        // SAFETY: positions are below the count.
        get { unsafe tables.mappings.unsafelyUnwrapped[position] }
        nonmutating set { unsafe tables.mappings.unsafelyUnwrapped[position] = newValue }
    }

    /// The position of the first stretch that ends after an address; ``count`` if there is none. O(log n).
    func firstPosition(endingAfter address: UInt) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].end <= address { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The program mapped memory: whatever was there before is no more.
    ///
    /// Without memory or room it is not kept in mind, and so not merged.
    func add(_ start: UInt, _ end: UInt, isOrdinary: Bool) {
        guard start < end, TableMemory.map() else { return }
        remove(start, end)
        let position = firstPosition(endingAfter: start)
        let joinsBelow = position > 0 && joins(position - 1, end: start, isOrdinary)
        let joinsAbove = position < count && self[position].start == end && self[position].isOrdinary == isOrdinary
        if joinsBelow {
            self[position - 1].end = joinsAbove ? self[position].end : end
            if joinsAbove { close(position) }
        } else if joinsAbove {
            self[position].start = start
        } else if open(position) {
            self[position] = OwnMapping(start: start, end: end, isOrdinary: isOrdinary)
        }
    }

    private func joins(_ position: Int, end: UInt, _ isOrdinary: Bool) -> Bool {
        self[position].end == end && self[position].isOrdinary == isOrdinary
    }

    /// The memory between two addresses is not what the program mapped any more.
    func remove(_ start: UInt, _ end: UInt) {
        guard start < end, count > 0 else { return }
        var position = firstPosition(endingAfter: start)
        while position < count, self[position].start < end {
            let old = self[position]
            if old.start < start, old.end > end {
                self[position].end = start
                // Without room the part above is forgotten: it is not merged then.
                if open(position + 1) {
                    self[position + 1] = OwnMapping(start: end, end: old.end, isOrdinary: old.isOrdinary)
                }
                return
            }
            if old.start < start {
                self[position].end = start
                position += 1
            } else if old.end > end {
                self[position].start = end
                return
            } else {
                close(position)
            }
        }
    }

    /// Where the part of the program's own mappings that covers an address ends, at most `limit`; the address
    /// itself if it is not covered.
    func endOfOwn(from address: UInt, limit: UInt) -> UInt {
        var end = address
        var position = firstPosition(endingAfter: address)
        while end < limit, position < count, self[position].start <= end {
            end = self[position].end
            position += 1
        }
        return min(end, limit)
    }

    /// The first address from one on that the program mapped itself; `limit` if there is none below.
    func nextOwn(from address: UInt, limit: UInt) -> UInt {
        let position = firstPosition(endingAfter: address)
        guard position < count else { return limit }
        return min(max(self[position].start, address), limit)
    }

    /// Makes room at a position; `false` if there is none.
    private func open(_ position: Int) -> Bool {
        let size = (count + 1) * MemoryLayout<OwnMapping>.stride
        guard count < TableMemory.mappingCapacity, agentMemory.reach(.mappings, size) else { return false }
        var moving = count
        while moving > position {
            self[moving] = self[moving - 1]
            moving -= 1
        }
        unsafe lm_atomic_store(&tables.mappingCount, tables.mappingCount + 1)
        return true
    }

    private func close(_ position: Int) {
        for moving in position..<(count - 1) { self[moving] = self[moving + 1] }
        unsafe lm_atomic_store(&tables.mappingCount, tables.mappingCount - 1)
    }
}

/// What the program mapped itself.
var ownMappings: OwnMappings { OwnMappings() }
