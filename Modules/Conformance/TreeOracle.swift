import PageChecksum
import PageTree

/// An index under test beside the truth about its elements: which are in it, what their pages hold, which are gone.
struct TreeOracle {
    var tree: any PageTree
    /// The content of every element's page: one number stands for a page.
    var contents: [UInt64]
    var digests: [PageDigest]
    var isGone: [Bool]
    var isInside: [Bool]
    /// The elements in the index, in no order.
    var inside: [UInt32] = []
    /// Whether no page has changed while it was in the index, since the index was last empty.
    var isQuiet = true
    /// The first thing that went wrong.
    var violation: String?

    init(_ tree: any PageTree, elements: Int) {
        self.tree = tree
        contents = Array(repeating: 0, count: elements)
        digests = Array(repeating: PageDigest(0), count: elements)
        isGone = Array(repeating: false, count: elements)
        isInside = Array(repeating: false, count: elements)
    }

    /// Inserts an element after a search that ended with `absent`.
    mutating func insert(_ element: UInt32, content: UInt64, digest: PageDigest) {
        contents[Int(element)] = content
        digests[Int(element)] = digest
        isGone[Int(element)] = false
        isInside[Int(element)] = true
        inside.append(element)
        let digests = self.digests
        tree.insert(element, in: digests.span)
        checkStructure(after: "insert of \(element)")
    }

    /// Removes the element at a place of ``inside``.
    mutating func remove(at place: Int) {
        let element = inside[place]
        inside.swapAt(place, inside.count - 1)
        inside.removeLast()
        isInside[Int(element)] = false
        let digests = self.digests
        tree.remove(element, in: digests.span)
        if inside.isEmpty { isQuiet = true }
        checkStructure(after: "remove of \(element)")
    }

    mutating func removeAll() {
        for element in inside { isInside[Int(element)] = false }
        inside = []
        isQuiet = true
        tree.removeAll()
        checkStructure(after: "removeAll")
    }

    /// Changes the content of a page whose element is in the index; its digest stays.
    mutating func change(_ element: UInt32, to content: UInt64) {
        contents[Int(element)] = content
        isQuiet = false
    }

    /// Remembers the first violation.
    mutating func fail(_ message: String) {
        if violation == nil { violation = message }
    }

    /// The number of elements, and what the index says of itself.
    mutating func checkStructure(after step: String) {
        if tree.count != inside.count { fail("after \(step): count is \(tree.count), not \(inside.count)") }
        if let broken = tree.invariantViolation(in: digests.span) { fail("after \(step): \(broken)") }
    }

    /// Whether `forEach` names every element of the index once, and no other.
    mutating func checkElements() {
        var named: [UInt32] = []
        tree.forEach { named.append($0) }
        if named.sorted() != inside.sorted() {
            fail("forEach names \(named.count) elements, not the \(inside.count) that are inside")
        }
    }
}
