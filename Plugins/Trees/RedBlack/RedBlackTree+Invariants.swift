public import PageChecksum

extension RedBlackTree {
    /// Checks the structure of the tree and says what is wrong, `nil` when sound.
    ///
    /// Looked at are the links in both directions, the number of elements, the colours (CLRS 13.1: the root is black, a
    /// red element has no red child, every path has as many black elements), and in the order by digest the digests.
    ///
    /// - Parameter digests: The digest of every element, by element.
    /// - Complexity: O(n) in the size of the table.
    public func invariantViolation(in digests: Span<PageDigest>) -> String? {
        let inside = nodes.count { $0.isInside }
        guard inside == count else { return "\(inside) elements are marked as inside, \(count) are counted" }
        guard root != RedBlackTree.none else { return count == 0 ? nil : "no root over \(count) elements" }
        guard !nodes[Int(root)].isRed else { return "the root \(root) is red" }
        do {
            var check = Check()
            _ = try blackHeight(of: root, under: RedBlackTree.none, depth: 1, &check, digests)
            return check.visited == count ? nil : "\(check.visited) of \(count) elements can be reached"
        } catch {
            return error.message
        }
    }

    private struct Violation: Error {
        var message: String
    }

    private struct Check {
        var visited = 0
        var last: UInt32?
    }

    /// The number of black elements on each path down from an element, checked in order.
    private func blackHeight(
        of element: UInt32, under parent: UInt32, depth: Int, _ check: inout Check, _ digests: Span<PageDigest>
    ) throws(Violation) -> Int {
        guard element != RedBlackTree.none else { return 0 }
        guard element < nodes.count, element < digests.count else {
            throw Violation(message: "\(element) is no element")
        }
        let node = nodes[Int(element)]
        // Twice the binary logarithm of the largest table: no sound tree is higher, and a loop ends here.
        guard depth <= 62 else { throw Violation(message: "the tree is higher than 62 at \(element)") }
        guard node.isInside else { throw Violation(message: "\(element) is linked and marked as outside") }
        guard node.parent == parent else { throw Violation(message: "the parent of \(element) is not \(parent)") }
        guard !node.isRed || !nodes[Int(parent)].isRed else {
            throw Violation(message: "\(element) and its parent \(parent) are red")
        }
        let left = try blackHeight(of: node.left, under: element, depth: depth + 1, &check, digests)
        check.visited += 1
        guard check.visited <= count else { throw Violation(message: "\(element) is reached by two ways") }
        if isKeyed, let last = check.last, digests[Int(last)] > digests[Int(element)] {
            throw Violation(message: "\(last) stands before \(element), its digest after")
        }
        check.last = element
        let right = try blackHeight(of: node.right, under: element, depth: depth + 1, &check, digests)
        guard left == right else {
            throw Violation(message: "\(element) has \(left) black elements on its left and \(right) on its right")
        }
        return left + (node.isRed ? 0 : 1)
    }
}
