public import PageTree

/// A hash table of pages, found by checksum.
///
/// It finds a page in a step or two where a tree needs seventeen, keeps no order, and takes 5.3 to 10.7 bytes for each
/// element (8 at the usual load of one half) instead of 12. Elements of equal digest are kept apart by comparison.
///
/// Open addressing: an element stands in the first free slot after the one that its digest points to, so that a
/// search reads neighbouring slots. Removal moves later elements back and leaves no tombstones.
///
/// Source: Knuth, "The Art of Computer Programming", volume 3, 2nd edition, section 6.4, algorithms L (linear probing)
/// and R (deletion).
public struct HashTable: PageTree {
    /// The seed of tables that are given none: the same in every process, so that runs can be repeated.
    public static let defaultSeed: UInt64 = 0x9e37_79b9_7f4a_7c15

    /// What the places of digests depend on. A table that holds pages of strangers should get a random seed, so that
    /// nobody can make pages on purpose that crowd into one place.
    public let seed: UInt64

    /// The number of elements.
    ///
    /// - Complexity: O(1)
    public internal(set) var count = 0

    /// The elements; ``none`` marks a free slot. Empty, or a power of two with at least a quarter free.
    var slots: [UInt32] = []

    /// The free slot where the last search ended, if it found nothing and nothing has changed since.
    var end: Int?

    /// The number that stands for no element.
    static let none = UInt32.max

    /// Makes an empty table.
    ///
    /// - Parameters:
    ///   - seed: What the places of digests depend on.
    ///   - capacity: This many elements are inserted without an allocation.
    /// - Complexity: O(`capacity`)
    public init(seed: UInt64 = HashTable.defaultSeed, capacity: Int = 0) {
        self.seed = seed
        if capacity > 0 { slots = Array(repeating: HashTable.none, count: HashTable.slotCount(for: capacity)) }
    }

    /// `hash-table`.
    public var name: String { "hash-table" }

    /// Always.
    public var isKeyed: Bool { true }

    /// Takes all elements out and keeps the slots.
    ///
    /// - Complexity: O(n) in the number of slots, O(1) for an empty table.
    public mutating func removeAll() {
        end = nil
        guard count > 0 else { return }
        for index in slots.indices { slots[index] = HashTable.none }
        count = 0
    }

    /// Calls `body` with every element, in the order of the slots.
    ///
    /// - Complexity: O(n) in the number of slots.
    public func forEach(_ body: (UInt32) -> Void) {
        for element in slots where element != HashTable.none { body(element) }
    }

    /// The smallest number of slots that holds `count` elements with a quarter of the slots free.
    static func slotCount(for count: Int) -> Int {
        var slots = 16
        while count * 4 > slots * 3 { slots *= 2 }
        return slots
    }
}
