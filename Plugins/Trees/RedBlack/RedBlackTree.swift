public import PageTree

/// A red-black tree of pages, ordered by checksum or by content.
///
/// Ordered by ``Order/digestThenContent`` it compares pages only when their digests are equal, and it still finds
/// every page when contents have changed since they were inserted. Ordered by ``Order/content`` it is the tree of
/// KSM: no digest is looked at, each step of a search compares two pages.
///
/// The nodes are a flat table indexed by element: 12 bytes for each element up to the largest number ever inserted,
/// no object and no allocation per node. Elements are numbers below 2^31 - 1.
///
/// Source: Guibas and Sedgewick, "A dichromatic framework for balanced trees", 1978; insertion and deletion as in
/// Cormen, Leiserson, Rivest and Stein, "Introduction to Algorithms", 3rd edition, chapter 13. Ordering by content is
/// Arcangeli, Eidus and Wright, "Increasing memory density by using KSM", 2009.
public struct RedBlackTree: PageTree {
    /// What the elements are ordered by.
    @frozen
    public enum Order: Sendable, Hashable, CaseIterable {
        /// By digest, and elements of equal digest by the content that they had when they were inserted.
        case digestThenContent
        /// By the content that the elements had when they were inserted.
        case content
    }

    /// What the elements are ordered by.
    public let order: Order

    /// The number of elements.
    ///
    /// - Complexity: O(1)
    public internal(set) var count = 0

    /// The links of every element, by element.
    var nodes: [Node] = []

    /// The topmost element, ``none`` in an empty tree.
    var root = RedBlackTree.none

    /// Where the last search ended, if it found nothing and nothing has changed since.
    var end: End?

    /// Makes an empty tree.
    ///
    /// - Parameters:
    ///   - order: What the elements are ordered by.
    ///   - capacity: Elements below this number are inserted without an allocation.
    /// - Complexity: O(`capacity`)
    public init(order: Order = .digestThenContent, capacity: Int = 0) {
        self.order = order
        nodes = Array(repeating: .outside, count: capacity)
    }

    /// `red-black`, or `red-black-content` for the order by content alone.
    public var name: String {
        switch order {
        case .digestThenContent: "red-black"
        case .content: "red-black-content"
        }
    }

    /// Whether the order is ``Order/digestThenContent``.
    public var isKeyed: Bool { order == .digestThenContent }

    /// Whether an element is in the tree.
    ///
    /// - Complexity: O(1)
    public func contains(_ element: UInt32) -> Bool {
        element < nodes.count && nodes[Int(element)].isInside
    }

    /// Takes all elements out and keeps the table.
    ///
    /// - Complexity: O(n) in the size of the table, O(1) for an empty tree; no page and no digest is looked at.
    public mutating func removeAll() {
        end = nil
        guard count > 0 else { return }
        for index in nodes.indices { nodes[index] = .outside }
        root = RedBlackTree.none
        count = 0
    }
}
