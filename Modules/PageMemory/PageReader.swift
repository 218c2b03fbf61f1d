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

    /// Whether two pages are one physical page, shared copy-on-write since a fork, that is no frame of the store. Such
    /// pages are equal, and there is nothing to gain from them. Asked of equal pages only.
    func isSamePhysicalPage(_ first: PageAddress, _ second: PageAddress) -> Bool

    /// The frame that a page maps; `nil` for one that maps none. Asked of pages observed as ``ObservedRun/State/inherited``.
    func frame(of page: PageAddress) -> Frame?

    /// The NUMA node of the physical memory of a page, from 0. A page that was merged has the node of its frame, and
    /// a frame that of the page it was filled from. Asked only of a memory that the merger was told to have several
    /// nodes.
    func node(of page: PageAddress) -> UInt8
}

extension PageReader {
    /// `false`: of a memory without forks, or one that refuses such pages as busy.
    public func isSamePhysicalPage(_ first: PageAddress, _ second: PageAddress) -> Bool { false }

    /// `nil`: of a memory that observes no page as inherited.
    public func frame(of page: PageAddress) -> Frame? { nil }

    /// 0: of a memory with one node, or one that does not tell.
    public func node(of page: PageAddress) -> UInt8 { 0 }
}
