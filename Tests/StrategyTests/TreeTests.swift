import HashTableIndex
import PageChecksum
import PageTree
import RedBlackTree
import Testing

@Suite("What the indexes promise beyond the contract")
struct TreeTests {
    static let keyed: [@Sendable () -> any PageTree] = [{ RedBlackTree() }, { HashTable() }]

    /// A tree of elements 0, 1, 2 ... with these contents, all of one digest.
    private func twins(_ tree: any PageTree, _ contents: [UInt64], digests: [PageDigest]) -> any PageTree {
        var tree = tree
        for (element, content) in contents.enumerated() {
            let result = tree.search(digests[element], in: digests.span) { other in
                content < contents[Int(other)] ? .before : .after
            }
            #expect(result == .absent)
            tree.insert(UInt32(element), in: digests.span)
        }
        return tree
    }

    @Test("a keyed search goes on after a page that is gone", arguments: keyed.indices)
    func goesOn(index: Int) {
        let digests = [PageDigest](repeating: PageDigest(9), count: 50)
        var tree = twins(TreeTests.keyed[index](), (0..<50).map { $0 }, digests: digests)
        for wanted in 0..<50 as Range<UInt32> {
            var compared = 0
            let found = tree.search(PageDigest(9), in: digests.span) { element in
                compared += 1
                return element == wanted ? .same : .gone
            }
            #expect(found == .found(wanted))
            #expect(compared <= 50)
        }
        let gone = tree.search(PageDigest(9), in: digests.span) { $0 == 20 ? .gone : .after }
        #expect(gone == .gone(20))
        #expect(tree.search(PageDigest(8), in: digests.span) { _ in .gone } == .absent)
    }

    @Test("a keyed search finds a page among equal digests whose order is broken", arguments: keyed.indices)
    func brokenOrder(index: Int) {
        // Equal digests between others, so that not all of the tree has to be looked through.
        let digests = (0..<300).map { PageDigest(UInt64($0 < 100 ? $0 : $0 < 200 ? 100 : $0)) }
        var tree = twins(TreeTests.keyed[index](), (0..<300).map { $0 }, digests: digests)
        for wanted in 100..<200 as Range<UInt32> {
            // The answers point the wrong way each time.
            var compared: [UInt32] = []
            let found = tree.search(PageDigest(100), in: digests.span) { element in
                compared.append(element)
                return element == wanted ? .same : element < wanted ? .before : .after
            }
            #expect(found == .found(wanted))
            #expect(Set(compared).count == compared.count)
            #expect(compared.allSatisfy { (100..<200).contains($0) })
        }
    }

    @Test("equal digests are found by the order of their contents")
    func contentGuides() {
        let digests = [PageDigest](repeating: PageDigest(1), count: 1000)
        var tree = twins(RedBlackTree(), (0..<1000).map { $0 }, digests: digests)
        for wanted in 0..<1000 as Range<UInt32> {
            var compared = 0
            let found = tree.search(PageDigest(1), in: digests.span) { element in
                compared += 1
                return element == wanted ? .same : wanted < element ? .before : .after
            }
            #expect(found == .found(wanted))
            #expect(compared <= 20)
        }
    }

    @Test("weak digests spread over the hash table", arguments: [0, 20, 32, 47, 64, 100])
    func spread(shift: Int) {
        // Digests that differ in 17 neighbouring bits: a table without mixing would put them all in a few places.
        let digests = (0..<100_000 as Range<UInt64>).map { number in
            shift < 64 ? PageDigest(number << shift) : PageDigest(high: number << (shift - 64), low: 0)
        }
        var table = HashTable()
        let clock = ContinuousClock()
        let time = clock.measure {
            for element in digests.indices {
                _ = table.search(digests[element], in: digests.span) { _ in .after }
                table.insert(UInt32(element), in: digests.span)
            }
        }
        #expect(table.count == 100_000)
        // Crowded places would take minutes.
        #expect(time < .seconds(20))
    }

    @Test("digests that change under an index are noticed by its check", arguments: keyed.indices)
    func changedDigests(index: Int) {
        var digests = (0..<100).map { PageDigest(UInt64($0)) }
        let tree = twins(TreeTests.keyed[index](), (0..<100).map { $0 }, digests: digests)
        #expect(tree.invariantViolation(in: digests.span) == nil)
        digests.reverse()
        #expect(tree.invariantViolation(in: digests.span) != nil)
        #expect(tree.invariantViolation(in: digests.span.extracting(first: 10)) != nil)
    }

    @Test("copies are independent")
    func copies() {
        let digests = (0..<20).map { PageDigest(UInt64($0)) }
        var tree = RedBlackTree()
        for element in 0..<10 as Range<UInt32> {
            _ = tree.search(digests[Int(element)], in: digests.span) { _ in .after }
            tree.insert(element, in: digests.span)
        }
        var copy = tree
        copy.remove(3, in: digests.span)
        #expect(tree.contains(3) && !copy.contains(3))
        #expect(tree.count == 10 && copy.count == 9)
        copy.removeAll()
        #expect(tree.invariantViolation(in: digests.span) == nil)
    }

    @Test("a broken promise of the caller stops the program instead of the tree")
    func preconditions() async {
        await #expect(processExitsWith: .failure) {
            var tree = RedBlackTree()
            tree.insert(1, in: [PageDigest(0), PageDigest(0)].span)
        }
        await #expect(processExitsWith: .failure) {
            var tree = RedBlackTree()
            tree.remove(1, in: [PageDigest(0), PageDigest(0)].span)
        }
        await #expect(processExitsWith: .failure) {
            var table = HashTable()
            let digests = [PageDigest(0), PageDigest(0)]
            _ = table.search(digests[0], in: digests.span) { _ in .after }
            table.insert(0, in: digests.span)
            table.remove(1, in: digests.span)
        }
    }
}
