public import PageChecksum
public import PageTree

extension HashTable {
    /// Looks for an element whose page has the searched content.
    ///
    /// A search that meets a page that is gone goes on with the others of equal digest, and answers
    /// ``PageTree/SearchResult/gone(_:)`` only when none of them has the content.
    ///
    /// - Parameters:
    ///   - digest: The digest of the searched page.
    ///   - digests: The digest of every element, by element.
    ///   - compare: The order of the searched page relative to the page of the given element.
    /// - Complexity: O(1) expected, at most one comparison for each element of equal digest.
    ///
    /// Source: Knuth, TAOCP volume 3, 6.4, algorithm L.
    public mutating func search(
        _ digest: PageDigest, in digests: Span<PageDigest>, compare: (UInt32) -> PageOrder
    ) -> SearchResult {
        end = nil
        if slots.isEmpty { grow(in: digests) }
        var place: Int?
        let result = HashTable.search(digest, slots.span, seed: seed, digests, end: &place, compare: compare)
        end = place
        return result
    }

    private static func search(
        _ digest: PageDigest, _ slots: Span<UInt32>, seed: UInt64, _ digests: Span<PageDigest>, end: inout Int?,
        compare: (UInt32) -> PageOrder
    ) -> SearchResult {
        let mask = slots.count &- 1
        var slot = home(of: digest, seed: seed, mask: mask)
        var gone: UInt32?
        while slots[slot] != none {
            let element = slots[slot]
            if digests[Int(element)] == digest {
                let order = compare(element)
                if order == .same { return .found(element) }
                if order == .gone, gone == nil { gone = element }
            }
            slot = (slot &+ 1) & mask
        }
        if let gone { return .gone(gone) }
        end = slot
        return .absent
    }

    /// Adds an element in the slot where the search just before it ended with ``PageTree/SearchResult/absent``.
    ///
    /// - Parameters:
    ///   - element: Any number but 2^32 - 1.
    ///   - digests: The digest of every element, by element; used when the table grows.
    /// - Precondition: The last call was a search that returned `absent`, and the element is not in the table.
    /// - Complexity: O(1) amortized: the slots double when three quarters are taken.
    public mutating func insert(_ element: UInt32, in digests: Span<PageDigest>) {
        guard let slot = end else { preconditionFailure("insert without a search that ended with absent") }
        precondition(element != HashTable.none, "element \(element) is too large for this table")
        end = nil
        if (count + 1) * 4 > slots.count * 3 {
            grow(in: digests)
            let seed = self.seed
            var span = slots.mutableSpan
            HashTable.place(element, in: &span, seed: seed, digests)
        } else {
            slots[slot] = element
        }
        count &+= 1
    }

    /// Takes an element out, whatever its page now holds, and moves later ones back to close the gap.
    ///
    /// - Parameters:
    ///   - element: An element of the table.
    ///   - digests: The digest of every element, by element.
    /// - Precondition: The element is in the table.
    /// - Complexity: O(1) expected, O(m) for m elements of equal digest.
    ///
    /// Source: Knuth, TAOCP volume 3, 6.4, algorithm R, with the probes going up.
    public mutating func remove(_ element: UInt32, in digests: Span<PageDigest>) {
        precondition(count > 0, "element \(element) is not in the table")
        end = nil
        count &-= 1
        let seed = self.seed
        var slots = self.slots.mutableSpan
        let mask = slots.count &- 1
        var gap = HashTable.home(of: digests[Int(element)], seed: seed, mask: mask)
        while slots[gap] != element {
            precondition(slots[gap] != HashTable.none, "element \(element) is not in the table")
            gap = (gap &+ 1) & mask
        }
        var slot = gap
        while true {
            slot = (slot &+ 1) & mask
            let other = slots[slot]
            guard other != HashTable.none else { break }
            // It may move to the gap unless its search starts after the gap.
            let home = HashTable.home(of: digests[Int(other)], seed: seed, mask: mask)
            if (slot &- home) & mask >= (slot &- gap) & mask {
                slots[gap] = other
                gap = slot
            }
        }
        slots[gap] = HashTable.none
    }
}
