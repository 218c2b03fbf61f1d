public import PageChecksum
public import PageTree

extension RedBlackTree {
    /// Looks for an element whose page has the searched content.
    ///
    /// Ordered by digest, a search that meets a page that is gone goes on with the others of equal digest, and answers
    /// ``PageTree/SearchResult/gone(_:)`` only when none of them has the content. Ordered by content, it ends there.
    ///
    /// - Parameters:
    ///   - digest: The digest of the searched page; the order by content does not use it.
    ///   - digests: The digest of every element, by element.
    ///   - compare: The order of the searched page relative to the page of the given element.
    /// - Complexity: At most 2 log2(n + 1) steps. Ordered by digest, every element of equal digest is compared at
    ///   most once, and a page that stands where its content says is found after O(log m) of the m of them. Ordered by
    ///   content, one comparison each step.
    ///
    /// Source: CLRS 12.2, `tree-search`.
    public mutating func search(
        _ digest: PageDigest, in digests: Span<PageDigest>, compare: (UInt32) -> PageOrder
    ) -> SearchResult {
        end = nil
        return switch order {
        case .content: searchByContent(compare: compare)
        case .digestThenContent: searchByDigest(digest, in: digests, compare: compare)
        }
    }

    private mutating func searchByContent(compare: (UInt32) -> PageOrder) -> SearchResult {
        let nodes = self.nodes.span
        var place = End(parent: RedBlackTree.none, isLeft: false)
        var element = root
        while element != RedBlackTree.none {
            let order = compare(element)
            switch order {
            case .same: return .found(element)
            case .gone: return .gone(element)
            case .before, .after:
                place = End(parent: element, isLeft: order == .before)
                element = order == .before ? nodes[Int(element)].left : nodes[Int(element)].right
            }
        }
        end = place
        return .absent
    }

    private mutating func searchByDigest(
        _ digest: PageDigest, in digests: Span<PageDigest>, compare: (UInt32) -> PageOrder
    ) -> SearchResult {
        let nodes = self.nodes.span
        var place = End(parent: RedBlackTree.none, isLeft: false)
        var top = RedBlackTree.none
        var gone = RedBlackTree.none
        var element = root
        while element != RedBlackTree.none {
            let other = digests[Int(element)]
            if digest == other {
                if top == RedBlackTree.none { top = element }
                let order = compare(element)
                if order == .same { return .found(element) }
                if order == .gone, gone == RedBlackTree.none { gone = element }
                place = End(parent: element, isLeft: order != .after)
            } else {
                place = End(parent: element, isLeft: digest < other)
            }
            element = place.isLeft ? nodes[Int(element)].left : nodes[Int(element)].right
        }
        if top != RedBlackTree.none {
            switch RedBlackTree.twins(of: digest, beside: place, upTo: top, nodes, digests, compare: compare) {
            case .found(let element): return .found(element)
            case .gone(let element): return .gone(gone == RedBlackTree.none ? element : gone)
            case .absent: break
            }
            if gone != RedBlackTree.none { return .gone(gone) }
        }
        end = place
        return .absent
    }
}
