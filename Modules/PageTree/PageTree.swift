public import PageChecksum

/// What a comparison of two pages found out.
@frozen
public enum PageOrder: Sendable, Hashable {
    /// The first page stands before the second, bytes compared as unsigned numbers in ascending address (`memcmp`).
    case before
    /// Every byte is equal.
    case same
    /// The first page stands after the second.
    case after
    /// One of the pages cannot be read any more.
    case gone
}

/// What a search of a ``PageTree`` found.
@frozen
public enum SearchResult: Sendable, Hashable {
    /// An element with exactly this content.
    case found(UInt32)
    /// No such element.
    case absent
    /// No such element was found, but the search met this element, whose page is gone. An index ordered by content could
    /// not go on there; a keyed index has looked at all others of the same digest.
    case gone(UInt32)
}

/// The contract of the index behind the stable and the unstable tree: elements found by the content of their page.
///
/// An element is a number chosen by the merger (a page or a stable node). The tree owns its nodes and their order; it
/// owns neither pages nor digests. Both are arguments: `digests` holds the digest of element `e` at index `e`,
/// and `compare` compares the searched page with the page of an element.
///
/// Rules for an implementation:
/// - Two elements may have the same digest and different content; each must still be found.
/// - A keyed index (``isKeyed``) calls `compare` only on elements whose digest equals the searched one.
/// - An index ordered by content alone must survive that the content of its elements changes under it (the unstable
///   tree): it may then miss an element, but must neither trap nor loop, must stay balanced (by something other
///   than content), and must remove any of its elements by number.
/// - While an element is in the index its digest in `digests` does not change; the page it stands for may.
/// - No call allocates except to grow the tables of the index.
public protocol PageTree: Sendable {
    /// The name by which configuration selects this index, for example `red-black`.
    var name: String { get }

    /// Whether the index finds elements by digest first. Such an index stays right while pages change, so
    /// the merger may keep it from one scan to the next on a memory that reports every change.
    var isKeyed: Bool { get }

    /// The number of elements.
    ///
    /// - Complexity: O(1)
    var count: Int { get }

    /// Looks for an element whose page has the searched content.
    ///
    /// Remembers where the search ended, so that an ``insert(_:in:)`` that follows at once needs no search of its own.
    ///
    /// - Parameters:
    ///   - digest: The digest of the searched page.
    ///   - digests: The digest of every element, by element.
    ///   - compare: The order of the searched page relative to the page of the given element.
    /// - Complexity: O(log n) comparisons for a tree; for a keyed index one comparison for each element of equal digest.
    mutating func search(
        _ digest: PageDigest, in digests: Span<PageDigest>, compare: (UInt32) -> PageOrder
    ) -> SearchResult

    /// Adds an element at the place where the search just before it ended with ``SearchResult/absent``.
    ///
    /// Nothing may be called on this index between that search and this call. The element's digest stands in
    /// `digests` already.
    ///
    /// - Precondition: The last call was a search that returned `absent`, and the element is not in the index.
    mutating func insert(_ element: UInt32, in digests: Span<PageDigest>)

    /// Takes an element out, wherever it stands and whatever its page now holds.
    ///
    /// - Precondition: The element is in the index.
    mutating func remove(_ element: UInt32, in digests: Span<PageDigest>)

    /// Takes all elements out and keeps the tables.
    ///
    /// - Complexity: O(n) at most, and independent of content.
    mutating func removeAll()

    /// Calls `body` with every element, in the order of the index.
    func forEach(_ body: (UInt32) -> Void)

    /// Checks the structure of the index (order of digests, balance, links) and says what is wrong, `nil` when sound.
    /// For tests; the order of content is not checked, because content may change.
    func invariantViolation(in digests: Span<PageDigest>) -> String?
}
