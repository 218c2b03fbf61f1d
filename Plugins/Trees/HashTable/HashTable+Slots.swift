import PageChecksum

extension HashTable {
    /// The slot that a digest points to, in a table of `mask` + 1 slots.
    ///
    /// All 128 bits and the seed count, and each of them flips each bit of the result with a chance of one half. So
    /// narrow checksums (only the low 32 bits set), digests with a common prefix and digests that count up all spread
    /// over the table; digests of at most 64 bits never meet before they are cut to the table's size, because each
    /// round is a bijection. The two halves take one round each.
    @inline(__always)
    static func home(of digest: PageDigest, seed: UInt64, mask: Int) -> Int {
        Int(truncatingIfNeeded: mix(mix(digest.low ^ seed) ^ digest.high)) & mask
    }

    /// One round of mixing, a bijection of 64-bit numbers.
    ///
    /// Source: David Stafford, "Better Bit Mixing", 2011, variant 13: the finalizer of SplitMix64 (Steele, Lea and Flood,
    /// "Fast splittable pseudorandom number generators", 2014).
    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ mixed &>> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed &>> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed &>> 31
    }

    /// Puts an element in the first free slot after the one that its digest points to (TAOCP 6.4, algorithm L).
    static func place(
        _ element: UInt32, in slots: inout MutableSpan<UInt32>, seed: UInt64, _ digests: Span<PageDigest>
    ) {
        let mask = slots.count &- 1
        var slot = home(of: digests[Int(element)], seed: seed, mask: mask)
        while slots[slot] != none { slot = (slot &+ 1) & mask }
        slots[slot] = element
    }

    /// Doubles the slots and puts every element in its new place.
    ///
    /// - Complexity: O(n), which is O(1) for each of the insertions since the doubling before.
    mutating func grow(in digests: Span<PageDigest>) {
        var larger = Array(repeating: HashTable.none, count: HashTable.slotCount(for: max(count + 1, slots.count)))
        var span = larger.mutableSpan
        for element in slots where element != HashTable.none {
            HashTable.place(element, in: &span, seed: seed, digests)
        }
        slots = larger
    }
}
