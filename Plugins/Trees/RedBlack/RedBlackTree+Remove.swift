public import PageChecksum

extension RedBlackTree {
    /// Takes an element out, wherever it stands and whatever its page now holds.
    ///
    /// - Parameters:
    ///   - element: An element of the tree.
    ///   - digests: Not used: the links of the element say where it stands.
    /// - Precondition: The element is in the tree.
    /// - Complexity: O(log n), without comparisons.
    ///
    /// Source: CLRS 13.4, `RB-delete`.
    public mutating func remove(_ element: UInt32, in digests: Span<PageDigest>) {
        precondition(contains(element), "element \(element) is not in the tree")
        end = nil
        count &-= 1
        var top = root
        var table = nodes.mutableSpan
        RedBlackTree.unlink(element, &table, root: &top)
        table[Int(element)] = .outside
        root = top
    }

    private static func unlink(_ element: UInt32, _ nodes: inout MutableSpan<Node>, root: inout UInt32) {
        let node = nodes[Int(element)]
        // The child that moves up, its new parent, and whether a black element has left its path.
        let child: UInt32
        var parent: UInt32
        var lostBlack = !node.isRed
        if node.left == none || node.right == none {
            child = node.left == none ? node.right : node.left
            parent = node.parent
            replace(element, by: child, in: &nodes, root: &root)
        } else {
            // The next element takes the place and the colour of this one.
            var next = node.right
            while nodes[Int(next)].left != none { next = nodes[Int(next)].left }
            lostBlack = !nodes[Int(next)].isRed
            child = nodes[Int(next)].right
            parent = nodes[Int(next)].parent
            if parent == element {
                parent = next
            } else {
                replace(next, by: child, in: &nodes, root: &root)
                nodes[Int(next)].right = node.right
                nodes[Int(node.right)].parent = next
            }
            replace(element, by: next, in: &nodes, root: &root)
            nodes[Int(next)].left = node.left
            nodes[Int(node.left)].parent = next
            nodes[Int(next)].isRed = node.isRed
        }
        if lostBlack { restoreBlack(at: child, under: parent, &nodes, root: &root) }
    }

    /// Restores equal numbers of black elements on all paths after `child`, which may be ``none``, lost one above it.
    private static func restoreBlack(
        at child: UInt32, under above: UInt32, _ nodes: inout MutableSpan<Node>, root: inout UInt32
    ) {
        var element = child
        var parent = above
        while parent != none, element == none || !nodes[Int(element)].isRed {
            let isLeft = nodes[Int(parent)].left == element
            // The sibling's paths have one more black element, so it exists, and so do the children rotated below.
            var sibling = isLeft ? nodes[Int(parent)].right : nodes[Int(parent)].left
            if nodes[Int(sibling)].isRed {
                nodes[Int(sibling)].isRed = false
                nodes[Int(parent)].isRed = true
                lift(sibling, over: parent, toLeft: isLeft, &nodes, root: &root)
                sibling = isLeft ? nodes[Int(parent)].right : nodes[Int(parent)].left
            }
            let near = isLeft ? nodes[Int(sibling)].left : nodes[Int(sibling)].right
            var far = isLeft ? nodes[Int(sibling)].right : nodes[Int(sibling)].left
            let nearIsRed = near != none && nodes[Int(near)].isRed
            let farIsRed = far != none && nodes[Int(far)].isRed
            if !nearIsRed, !farIsRed {
                nodes[Int(sibling)].isRed = true
                element = parent
                parent = nodes[Int(element)].parent
                continue
            }
            if !farIsRed {
                lift(near, over: sibling, toLeft: !isLeft, &nodes, root: &root)
                nodes[Int(near)].isRed = false
                nodes[Int(sibling)].isRed = true
                far = sibling
                sibling = near
            }
            nodes[Int(sibling)].isRed = nodes[Int(parent)].isRed
            nodes[Int(parent)].isRed = false
            nodes[Int(far)].isRed = false
            lift(sibling, over: parent, toLeft: isLeft, &nodes, root: &root)
            return
        }
        if element != none { nodes[Int(element)].isRed = false }
    }

    /// Rotates `parent` down to the left or to the right, so that its child on the other side stands over it.
    @inline(__always)
    private static func lift(
        _ child: UInt32, over parent: UInt32, toLeft: Bool, _ nodes: inout MutableSpan<Node>, root: inout UInt32
    ) {
        if toLeft {
            rotateLeft(parent, &nodes, root: &root)
        } else {
            rotateRight(parent, &nodes, root: &root)
        }
    }
}
