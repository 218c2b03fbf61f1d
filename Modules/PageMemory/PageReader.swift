public import PageChecksum
public import PageTree

/// The second job of a memory: the bytes of pages.
public protocol PageReader {
    /// Takes the checksums of pages.
    ///
    /// - Parameters:
    ///   - pages: The pages, ascending.
    ///   - checksum: The checksum in force.
    ///   - digests: Cleared, then filled with one digest for each page, `nil` where the page cannot be read any more.
    mutating func takeChecksums(
        of pages: [PageAddress], with checksum: any PageChecksum, into digests: inout [PageDigest?])

    /// Compares two contents byte for byte, as `memcmp` orders them.
    ///
    /// Lent to the merger during the match step; pages may change at any time, so the answer holds for some moment of
    /// the call only. Returns ``PageTree/PageOrder/gone`` when one of them cannot be read.
    ///
    /// - Complexity: O(page size), no allocation.
    func compare(_ first: PageContent, _ second: PageContent) -> PageOrder
}
