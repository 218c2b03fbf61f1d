/// What pages of the demo must hold, as fingerprints taken where the content came from, not where it is merged.
package struct PageRecord: Sendable {
    /// One fingerprint for each page.
    package private(set) var hashes: [UInt64]
    private let zeros: UInt64

    /// A record of pages of zeros.
    package init(pages: Int, pageSize: Int) {
        self.init(hashes: [], pageSize: pageSize)
        hashes = Array(repeating: zeros, count: pages)
    }

    /// A record of pages with these fingerprints, for example of several processes one after the other.
    package init(hashes: [UInt64], pageSize: Int) {
        let page = [UInt64](repeating: 0, count: pageSize / 8)
        zeros = unsafe page.withUnsafeBytes { unsafe ContentHash.of($0) }
        self.hashes = hashes
    }

    /// The fingerprint that a page must have.
    package subscript(page: Int) -> UInt64 {
        get { hashes[page] }
        set { hashes[page] = newValue }
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
