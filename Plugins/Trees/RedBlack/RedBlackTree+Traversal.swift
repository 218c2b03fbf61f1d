extension RedBlackTree {
    /// Calls `body` with every element, in the order of the tree.
    ///
    /// - Complexity: O(n)
    ///
    /// Source: CLRS 12.2, `tree-successor`.
    public func forEach(_ body: (UInt32) -> Void) {
        let nodes = self.nodes.span
        var element = RedBlackTree.first(under: root, nodes)
        while element != RedBlackTree.none {
            body(element)
            let right = nodes[Int(element)].right
            if right != RedBlackTree.none {
                element = RedBlackTree.first(under: right, nodes)
            } else {
                var child = element
                repeat {
                    child = element
                    element = nodes[Int(child)].parent
                } while element != RedBlackTree.none && nodes[Int(element)].right == child
            }
        }
    }

    /// The leftmost element of a subtree, ``none`` in an empty one.
    private static func first(under top: UInt32, _ nodes: Span<Node>) -> UInt32 {
        guard top != none else { return none }
        var element = top
        while nodes[Int(element)].left != none { element = nodes[Int(element)].left }
        return element
    }
}
