extension RedBlackTree {
    /// The number that stands for no element: 31 bits, all ones.
    static let none: UInt32 = 0x7fff_ffff

    /// The links of one element: 12 bytes.
    struct Node: Sendable {
        /// The child before this element, or ``RedBlackTree/none``.
        var left: UInt32
        /// The child after this element, or ``RedBlackTree/none``.
        var right: UInt32
        /// The parent in the upper 31 bits, 1 for red in the lowest.
        private var parentAndColour: UInt32

        /// The node of an element that is not in the tree: a red one without a parent, which no tree has.
        static let outside = Node(left: none, right: none, parent: none, isRed: true)

        @inline(__always)
        init(left: UInt32, right: UInt32, parent: UInt32, isRed: Bool) {
            self.left = left
            self.right = right
            parentAndColour = parent &<< 1 | (isRed ? 1 : 0)
        }

        var isInside: Bool {
            @inline(__always) get { parentAndColour != .max }
        }

        /// The parent, or ``RedBlackTree/none`` at the root.
        var parent: UInt32 {
            @inline(__always) get { parentAndColour &>> 1 }
            @inline(__always) set { parentAndColour = newValue &<< 1 | parentAndColour & 1 }
        }

        var isRed: Bool {
            @inline(__always) get { parentAndColour & 1 != 0 }
            @inline(__always) set { parentAndColour = parentAndColour & ~1 | (newValue ? 1 : 0) }
        }
    }

    /// An empty place in the tree.
    struct End: Sendable {
        /// The element that it hangs from; ``RedBlackTree/none`` in an empty tree.
        var parent: UInt32
        /// Whether it is the left child.
        var isLeft: Bool
    }

    /// Turns an element down and its right child up in its place (CLRS 13.2).
    @inline(__always)
    static func rotateLeft(_ element: UInt32, _ nodes: inout MutableSpan<Node>, root: inout UInt32) {
        let child = nodes[Int(element)].right
        let inner = nodes[Int(child)].left
        nodes[Int(element)].right = inner
        if inner != none { nodes[Int(inner)].parent = element }
        replace(element, by: child, in: &nodes, root: &root)
        nodes[Int(child)].left = element
        nodes[Int(element)].parent = child
    }

    /// Turns an element down and its left child up in its place (CLRS 13.2).
    @inline(__always)
    static func rotateRight(_ element: UInt32, _ nodes: inout MutableSpan<Node>, root: inout UInt32) {
        let child = nodes[Int(element)].left
        let inner = nodes[Int(child)].right
        nodes[Int(element)].left = inner
        if inner != none { nodes[Int(inner)].parent = element }
        replace(element, by: child, in: &nodes, root: &root)
        nodes[Int(child)].right = element
        nodes[Int(element)].parent = child
    }

    /// Hangs `other`, which may be ``none``, where `element` hangs (CLRS 13.4, `transplant`).
    @inline(__always)
    static func replace(_ element: UInt32, by other: UInt32, in nodes: inout MutableSpan<Node>, root: inout UInt32) {
        let parent = nodes[Int(element)].parent
        if parent == none {
            root = other
        } else if nodes[Int(parent)].left == element {
            nodes[Int(parent)].left = other
        } else {
            nodes[Int(parent)].right = other
        }
        if other != none { nodes[Int(other)].parent = parent }
    }
}
