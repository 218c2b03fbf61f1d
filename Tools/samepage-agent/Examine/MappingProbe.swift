internal import CLinuxMemory

/// What any thread can find out about a mapping without a descriptor, where those of ``KernelMap`` are not open. The lock is
/// held.
enum MappingProbe {
    /// The end of the address space of programs.
    private static var top: UInt {
        #if arch(x86_64)
            (1 << 47) - 4096
        #else
            (1 << 48) - 4096
        #endif
    }

    /// What the kernel answers when memory is to become as long as the address space, where it is. That never succeeds, as
    /// the stack is there: minus EPERM for sealed memory, EFAULT if it is not one mapping, and others for one mapping.
    static func growth(_ start: UInt, _ end: UInt) -> Int {
        start < end && end < top ? lm_mremap(start, Int(end - start), Int(top - start), 0, 0) : -Int(LM_EFAULT)
    }

    /// Whether all between two addresses is one mapping, or a part of one.
    static func isOneMapping(_ start: UInt, _ end: UInt) -> Bool { growth(start, end) != -Int(LM_EFAULT) }

    /// How far what begins at an address is one mapping, at most to `limit`; the address itself where nothing is mapped.
    ///
    /// - Complexity: O(log n) system calls in its pages; one where `limit` is in the mapping.
    static func endOfMapping(from start: UInt, limit: UInt) -> UInt {
        if isOneMapping(start, limit) { return limit }
        var low = start
        var high = limit
        while high - low > 4096 {
            let middle = low + (high - low) / 8192 * 4096
            if isOneMapping(start, middle) { low = middle } else { high = middle }
        }
        return low
    }

    /// How far down what ends at an address is one mapping, at most to `limit`.
    private static func startOfMapping(to end: UInt, limit: UInt) -> UInt {
        if isOneMapping(limit, end) { return limit }
        var low = limit
        var high = end - 4096
        while high - low > 4096 {
            let middle = low + (high - low) / 8192 * 4096
            if isOneMapping(middle, end) { high = middle } else { low = middle }
        }
        return high
    }

    /// How far frames lie from an address on, at most to `limit`, in one private mapping; the address itself where that is
    /// not certain.
    ///
    /// - Parameter isWritten: Whether it must be certain that the mapping can be written, too. The first page gets a copy of
    ///   its own by that.
    static func endOfFrames(from address: UInt, limit: UInt, isWritten: Bool = false) -> UInt {
        let guess = ranges.frameMapping(around: address)
        var (start, end) = (guess.start, guess.end)
        if !areNamedFrames(start, end) {
            // The tables do not know which frames lie behind pages that were rewritten.
            let reach: UInt = 1024 << 12
            end = endOfMapping(from: address, limit: address + reach)
            guard end > address else { return address }
            start = startOfMapping(to: address + 4096, limit: address > reach ? address - reach : 4096)
            guard areNamedFrames(start, end) else { return address }
        }
        // Only shared memory can be mapped twice by this.
        guard lm_mremap(address, 0, 4096, 0, 0) == -Int(LM_EINVAL),
            !isWritten || AgentLock.writing({ lm_madvise(address, 4096, Int32(LM_MADV_POPULATE_WRITE)) }) == 0
        else { return address }
        return min(end, limit)
    }

    /// Whether a mapping of a segment of frames begins and ends exactly at two addresses.
    private static func areNamedFrames(_ start: UInt, _ end: UInt) -> Bool {
        let wanted: StaticString = "/memfd:samepage-frames"
        var name = InlineArray<64, CChar>(repeating: 0)
        // SAFETY: room for 64 bytes.
        let length = unsafe withUnsafeMutableBytes(of: &name) { room in
            unsafe lm_mapped_name(
                start, end, room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self), 64)
        }
        guard length >= wanted.utf8CodeUnitCount else { return false }
        for place in 0..<wanted.utf8CodeUnitCount {
            // SAFETY: below the length of the literal, which is shorter than the room.
            if unsafe UInt8(bitPattern: name[place]) != wanted.utf8Start[place] { return false }
        }
        return true
    }
}

extension RangeTable {
    /// Where the mapping of frames at an address begins and ends, as far as the tables know.
    ///
    /// - Complexity: O(n) in its pages.
    func frameMapping(around address: UInt) -> (start: UInt, end: UInt) {
        let position = firstPosition(endingAfter: address)
        // SAFETY: a range of the table, and places of its own pages.
        guard position < count, unsafe self[position].pointee.base <= address else { return (address, address + 4096) }
        let range = unsafe self[position]
        let count = unsafe range.pointee.pageCount
        let page = unsafe UInt32((address - range.pointee.base) >> 12)
        var first = page
        while first > 0, unsafe range.entry(first - 1).mayShareMapping(with: range.entry(first)) { first -= 1 }
        var end = page + 1
        while end < count, unsafe range.entry(end - 1).mayShareMapping(with: range.entry(end)) { end += 1 }
        return unsafe (range.address(of: first), range.address(of: end))
    }
}

extension PageEntry {
    /// Whether a page and the one after it may lie in one mapping, as far as the tables know.
    func mayShareMapping(with next: PageEntry) -> Bool {
        guard liesOverFrame, next.liesOverFrame else { return liesOverFrame == next.liesOverFrame }
        guard let left = frame, let right = next.frame else { return true }
        return right == left + 1
    }
}
