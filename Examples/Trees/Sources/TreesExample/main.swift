import HashTableIndex
import PageTree
import RedBlackTree
import XXHashChecksum

// Seven pages with four contents. An element of a tree is the number of a page.
let pages = [5, 2, 5, 9, 2, 5, 7].map { [UInt8](repeating: $0, count: 4096) }
let digests = pages.map { XXH64Checksum().digest(of: $0.span.bytes) }

func order(_ left: [UInt8], _ right: [UInt8]) -> PageOrder {
    left == right ? .same : left.lexicographicallyPrecedes(right) ? .before : .after
}

let trees: [any PageTree] = [RedBlackTree(order: .content), RedBlackTree(order: .digestThenContent), HashTable()]
for var tree in trees {
    var comparisons = 0
    for (number, page) in pages.enumerated() {
        let result = tree.search(digests[number], in: digests.span) { element in
            comparisons += 1
            return order(page, pages[Int(element)])
        }
        // Each content once: the first page that has it.
        if result == .absent { tree.insert(UInt32(number), in: digests.span) }
    }
    var elements: [UInt32] = []
    tree.forEach { elements.append($0) }
    print("\(tree.name): \(comparisons) comparisons; \(tree.isKeyed ? elements.sorted() : elements)")
}
