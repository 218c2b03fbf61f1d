/// What every page of the demo must hold, as fingerprints taken where the content came from, not where it is merged.
package struct PageRecord: Sendable {
    private var hashes: [UInt64]
    private let pagesPerCopy: Int
    private let zeros: UInt64

    /// A record of pages of zeros.
    package init(layout: DemoLayout, pageSize: Int) {
        let page = [UInt64](repeating: 0, count: pageSize / 8)
        zeros = unsafe page.withUnsafeBytes { unsafe ContentHash.of($0) }
        hashes = Array(repeating: zeros, count: layout.pages)
        pagesPerCopy = layout.pagesPerCopy
    }

    /// The fingerprint that a page must have.
    package subscript(copy: Int, page: Int) -> UInt64 {
        get { hashes[copy * pagesPerCopy + page] }
        set { hashes[copy * pagesPerCopy + page] = newValue }
    }

    /// Pages of zeros.
    package var zeroPages: Int { hashes.count { $0 == zeros } }

    /// Pages that merging can give back: all of zeros, and for each other content all pages but one.
    ///
    /// - Complexity: O(n log n) in the pages.
    package var duplicatePages: Int {
        let sorted = hashes.filter { $0 != zeros }.sorted()
        return hashes.count - sorted.indices.count { $0 == 0 || sorted[$0] != sorted[$0 - 1] }
    }
}
