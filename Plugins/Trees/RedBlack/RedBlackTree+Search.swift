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
        var place: End?
        let result =
            switch order {
            case .content:
                RedBlackTree.search(nodes.span, from: root, end: &place, compare: compare)
            case .digestThenContent:
                RedBlackTree.search(digest, nodes.span, from: root, digests, end: &place, compare: compare)
            }
        end = place
        return result
    }

    /// Goes down by content.
    private static func search(
        _ nodes: Span<Node>, from root: UInt32, end: inout End?, compare: (UInt32) -> PageOrder
    ) -> SearchResult {
        var place = End(parent: none, isLeft: false)
        var element = root
        while element != none {
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

    /// Goes down by digest and by content among equal ones, then looks at the equal ones left aside.
    private static func search(
        _ digest: PageDigest, _ nodes: Span<Node>, from root: UInt32, _ digests: Span<PageDigest>, end: inout End?,
        compare: (UInt32) -> PageOrder
    ) -> SearchResult {
        var place = End(parent: none, isLeft: false)
        var top = none
        var gone = none
        var element = root
        while element != none {
            let other = digests[Int(element)]
            if digest == other {
                if top == none { top = element }
                let order = compare(element)
                if order == .same { return .found(element) }
                if order == .gone, gone == none { gone = element }
                place = End(parent: element, isLeft: order != .after)
            } else {
                place = End(parent: element, isLeft: digest < other)
            }
            element = place.isLeft ? nodes[Int(element)].left : nodes[Int(element)].right
        }
        if top != none {
            switch twins(of: digest, beside: place, upTo: top, nodes, digests, compare: compare) {
            case .found(let element): return .found(element)
            case .gone(let element): return .gone(gone == none ? element : gone)
            case .absent: break
            }
            if gone != none { return .gone(gone) }
        }
        end = place
        return .absent
    }
}
