import PageChecksum
import PageTree

// A search by digest goes down by the order of content among equal digests. Where contents have changed since they were
// inserted, that order says nothing; the other elements of equal digest are then looked through.

extension RedBlackTree {
    /// Compares the elements of equal digest that a search has left aside on its way down.
    ///
    /// They hang beside the way: under an equal element from which the search went left, some of its right subtree,
    /// and the other way round. Above the topmost equal element there are none.
    ///
    /// - Parameters:
    ///   - end: Where the search ended.
    ///   - top: The topmost element of equal digest, which the search passed.
    /// - Complexity: O(m log n) for m elements of equal digest; each is compared once.
    static func twins(
        of digest: PageDigest, beside end: End, upTo top: UInt32, _ nodes: Span<Node>, _ digests: Span<PageDigest>,
        compare: (UInt32) -> PageOrder
    ) -> SearchResult {
        var result = SearchResult.absent
        var place = end
        while true {
            let node = nodes[Int(place.parent)]
            if digests[Int(place.parent)] == digest {
                let other = place.isLeft ? node.right : node.left
                switch twins(of: digest, under: other, nodes, digests, compare: compare) {
                case .found(let element): return .found(element)
                case .gone(let element): if result == .absent { result = .gone(element) }
                case .absent: break
                }
            }
            if place.parent == top { return result }
            place = End(parent: node.parent, isLeft: nodes[Int(node.parent)].left == place.parent)
        }
    }

    /// Compares all elements of equal digest in a subtree. It goes no deeper than the tree is high.
    private static func twins(
        of digest: PageDigest, under element: UInt32, _ nodes: Span<Node>, _ digests: Span<PageDigest>,
        compare: (UInt32) -> PageOrder
    ) -> SearchResult {
        guard element != none else { return .absent }
        let other = digests[Int(element)]
        var result = SearchResult.absent
        if digest == other {
            switch compare(element) {
            case .same: return .found(element)
            case .gone: result = .gone(element)
            case .before, .after: break
            }
        }
        if digest <= other {
            let left = twins(of: digest, under: nodes[Int(element)].left, nodes, digests, compare: compare)
            if case .found = left { return left }
            if result == .absent { result = left }
        }
        if other <= digest {
            let right = twins(of: digest, under: nodes[Int(element)].right, nodes, digests, compare: compare)
            if case .found = right { return right }
            if result == .absent { result = right }
        }
        return result
    }
}
