public import PageChecksum

extension HashTable {
    /// Checks the structure of the table and says what is wrong, `nil` when sound.
    ///
    /// Looked at are the number of slots and of elements, that a quarter of the slots is free, that no element stands in
    /// two slots, and that no free slot lies between an element and the slot that its digest points to.
    ///
    /// - Parameter digests: The digest of every element, by element.
    /// - Complexity: O(n) expected, in the number of slots.
    public func invariantViolation(in digests: Span<PageDigest>) -> String? {
        guard !slots.isEmpty else { return count == 0 ? nil : "no slots for \(count) elements" }
        guard slots.count & (slots.count - 1) == 0 else { return "\(slots.count) slots are no power of two" }
        guard count * 4 <= slots.count * 3 else { return "\(count) elements crowd \(slots.count) slots" }
        let mask = slots.count - 1
        var seen: Set<UInt32> = []
        for (slot, element) in slots.enumerated() where element != HashTable.none {
            guard element < digests.count else { return "\(element) is no element" }
            guard seen.insert(element).inserted else { return "\(element) stands in two slots" }
            var probe = HashTable.home(of: digests[Int(element)], seed: seed, mask: mask)
            while probe != slot {
                guard slots[probe] != HashTable.none else { return "\(element) is cut off by the free slot \(probe)" }
                probe = (probe + 1) & mask
            }
        }
        return seen.count == count ? nil : "\(seen.count) elements stand in slots, \(count) are counted"
    }
}
