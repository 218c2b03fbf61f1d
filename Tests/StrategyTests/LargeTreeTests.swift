import Conformance
import HashTableIndex
import PageChecksum
import PageTree
import RedBlackTree
import Testing

/// 100,000 elements against a dictionary from content to element.
@Suite("Large indexes")
struct LargeTreeTests {
    static let size = 100_000

    enum Kind: CaseIterable, Sendable {
        case redBlack, redBlackContent, hashTable

        func make() -> any PageTree {
            switch self {
            case .redBlack: RedBlackTree(order: .digestThenContent)
            case .redBlackContent: RedBlackTree(order: .content)
            case .hashTable: HashTable()
            }
        }
    }

    /// Digests: all different, or ten contents for each as with a checksum that is much too weak.
    @Test(arguments: Kind.allCases, [1, 10] as [UInt64])
    func randomCalls(kind: Kind, contentsPerDigest: UInt64) {
        var random = SplitMix64(seed: 5)
        var tree = kind.make()
        var contents = [UInt64](repeating: 0, count: LargeTreeTests.size)
        var digests = [PageDigest](repeating: PageDigest(0), count: LargeTreeTests.size)
        var elements: [UInt64: UInt32] = [:]
        var spare = (0..<UInt32(LargeTreeTests.size)).shuffled(using: &random)
        var comparisons = 0
        var wrong = 0
        for step in 0..<350_000 {
            let content = random.next() % 130_000
            let digest = PageDigest(content / contentsPerDigest)
            let result = tree.search(digest, in: digests.span) { element in
                comparisons += 1
                let other = contents[Int(element)]
                return content == other ? .same : content < other ? .before : .after
            }
            if result != elements[content].map(SearchResult.found) ?? .absent { wrong += 1 }
            if case .found(let element) = result, random.next() % 4 == 0 {
                tree.remove(element, in: digests.span)
                elements[content] = nil
                spare.append(element)
            } else if result == .absent, let element = spare.popLast() {
                contents[Int(element)] = content
                digests[Int(element)] = digest
                tree.insert(element, in: digests.span)
                elements[content] = element
            }
            if step % 50_000 == 0 { #expect(tree.invariantViolation(in: digests.span) == nil) }
        }
        #expect(wrong == 0)
        #expect(tree.count == elements.count)
        #expect(elements.count > 60_000)
        var listed: [UInt32] = []
        tree.forEach { listed.append($0) }
        #expect(listed.sorted() == elements.values.sorted())
        if kind == .redBlackContent { #expect(listed.map { contents[Int($0)] } == elements.keys.sorted()) }
        #expect(tree.invariantViolation(in: digests.span) == nil)
        if kind != .redBlackContent, contentsPerDigest == 1 { #expect(comparisons <= 350_000) }
        for element in listed.shuffled(using: &random) { tree.remove(element, in: digests.span) }
        #expect(tree.count == 0)
        #expect(tree.invariantViolation(in: digests.span) == nil)
    }
}
