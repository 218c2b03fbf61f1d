import PageChecksum
import PageTree
import RedBlackTree

/// A red-black tree with one fault, for tests of the conformance kit.
struct BrokenTree: PageTree {
    enum Fault: CaseIterable, Sendable {
        /// Every 50th insertion is forgotten.
        case losesElements
        /// An element is never taken out.
        case keepsElements
        /// An element is found by its digest alone.
        case trustsDigests
        /// Compares the root, whatever its digest.
        case comparesOthers
        /// Stops at the first page that is gone and says that there is nothing.
        case hidesGone
        /// Stops after the first element of equal digest.
        case stopsEarly
        /// Counts one too many.
        case miscounts
        /// `forEach` leaves out an element.
        case skipsElements
    }

    let fault: Fault
    private var tree: RedBlackTree
    private var insertions = 0
    private var elements: [UInt32] = []

    init(_ fault: Fault, order: RedBlackTree.Order = .digestThenContent) {
        self.fault = fault
        tree = RedBlackTree(order: order)
    }

    var name: String { "broken" }
    var isKeyed: Bool { tree.isKeyed }
    var count: Int { elements.count + (fault == .miscounts && elements.count > 9 ? 1 : 0) }

    mutating func search(
        _ digest: PageDigest, in digests: Span<PageDigest>, compare: (UInt32) -> PageOrder
    ) -> SearchResult {
        if fault == .comparesOthers, let first = elements.first, digests[Int(first)] != digest { _ = compare(first) }
        var compared = 0
        let result = tree.search(digest, in: digests) { element in
            compared += 1
            if fault == .trustsDigests { return .same }
            if fault == .stopsEarly, compared > 1 { return .after }
            return compare(element)
        }
        if fault == .hidesGone, case .gone = result { return .absent }
        return result
    }

    mutating func insert(_ element: UInt32, in digests: Span<PageDigest>) {
        insertions += 1
        elements.append(element)
        if fault == .losesElements, insertions % 50 == 0 { return }
        if !tree.contains(element) { tree.insert(element, in: digests) }
    }

    mutating func remove(_ element: UInt32, in digests: Span<PageDigest>) {
        elements.removeAll { $0 == element }
        if fault != .keepsElements, tree.contains(element) { tree.remove(element, in: digests) }
    }

    mutating func removeAll() {
        elements = []
        tree.removeAll()
    }

    func forEach(_ body: (UInt32) -> Void) {
        for element in elements.dropFirst(fault == .skipsElements ? 1 : 0) { body(element) }
    }

    func invariantViolation(in digests: Span<PageDigest>) -> String? { nil }
}

/// Elements in the order of content with no balance: a list.
struct ListTree: PageTree {
    private var elements: [UInt32] = []
    private var end = 0

    var name: String { "list" }
    var isKeyed: Bool { false }
    var count: Int { elements.count }

    mutating func search(
        _ digest: PageDigest, in digests: Span<PageDigest>, compare: (UInt32) -> PageOrder
    ) -> SearchResult {
        end = 0
        for element in elements {
            switch compare(element) {
            case .same: return .found(element)
            case .gone: return .gone(element)
            case .before: return .absent
            case .after: end += 1
            }
        }
        return .absent
    }

    mutating func insert(_ element: UInt32, in digests: Span<PageDigest>) { elements.insert(element, at: end) }
    mutating func remove(_ element: UInt32, in digests: Span<PageDigest>) { elements.removeAll { $0 == element } }
    mutating func removeAll() { elements = [] }
    func forEach(_ body: (UInt32) -> Void) { elements.forEach(body) }
    func invariantViolation(in digests: Span<PageDigest>) -> String? { nil }
}
