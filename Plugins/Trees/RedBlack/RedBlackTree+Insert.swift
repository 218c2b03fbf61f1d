public import PageChecksum

extension RedBlackTree {
    /// Adds an element at the place where the search just before it ended with ``PageTree/SearchResult/absent``.
    ///
    /// - Parameters:
    ///   - element: A number below 2^31 - 1.
    ///   - digests: Not used: the search has found the place.
    /// - Precondition: The last call was a search that returned `absent`, and the element is not in the tree.
    /// - Complexity: O(log n), amortized O(1), without comparisons; the table grows geometrically to hold the element.
    ///
    /// Source: CLRS 13.3, `RB-insert-fixup`.
    public mutating func insert(_ element: UInt32, in digests: Span<PageDigest>) {
        guard let place = end else { preconditionFailure("insert without a search that ended with absent") }
        precondition(element < RedBlackTree.none, "element \(element) is too large for this tree")
        precondition(!contains(element), "element \(element) is in the tree already")
        end = nil
        let missing = Int(element) + 1 - nodes.count
        if missing > 0 { nodes.append(contentsOf: repeatElement(.outside, count: missing)) }
        count &+= 1

        let none = RedBlackTree.none
        nodes[Int(element)] = Node(left: none, right: none, parent: place.parent, isRed: true)
        if place.parent == none {
            root = element
        } else if place.isLeft {
            nodes[Int(place.parent)].left = element
        } else {
            nodes[Int(place.parent)].right = element
        }
        var top = root
        var table = nodes.mutableSpan
        RedBlackTree.separateReds(from: element, &table, root: &top)
        root = top
    }

    /// Restores the rules after a red element was hung in: no red element has a red child, the root is black.
    private static func separateReds(from inserted: UInt32, _ nodes: inout MutableSpan<Node>, root: inout UInt32) {
        var element = inserted
        while true {
            var parent = nodes[Int(element)].parent
            guard parent != none, nodes[Int(parent)].isRed else { break }
            // A red parent is not the root, so there is a grandparent.
            let grandparent = nodes[Int(parent)].parent
            let isLeft = nodes[Int(grandparent)].left == parent
            let uncle = isLeft ? nodes[Int(grandparent)].right : nodes[Int(grandparent)].left
            if uncle != none, nodes[Int(uncle)].isRed {
                nodes[Int(parent)].isRed = false
                nodes[Int(uncle)].isRed = false
                nodes[Int(grandparent)].isRed = true
                element = grandparent
                continue
            }
            if isLeft {
                if nodes[Int(parent)].right == element {
                    rotateLeft(parent, &nodes, root: &root)
                    parent = element
                }
                rotateRight(grandparent, &nodes, root: &root)
            } else {
                if nodes[Int(parent)].left == element {
                    rotateRight(parent, &nodes, root: &root)
                    parent = element
                }
                rotateLeft(grandparent, &nodes, root: &root)
            }
            nodes[Int(parent)].isRed = false
            nodes[Int(grandparent)].isRed = true
            break
        }
        nodes[Int(root)].isRed = false
    }
}
