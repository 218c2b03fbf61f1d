/// The contract of a checksum: the bytes of a page to a ``PageDigest``.
///
/// The merger uses a checksum twice: to see whether a page stayed the same between two scans, and as the key of
/// indexes ordered by checksum. It never takes equal checksums for equal pages, so a checksum may be as weak as it
/// likes; a weak one only costs comparisons.
///
/// `digest(of:)` is called once for every page that may have changed, from one thread at a time, on memory that
/// another thread may be writing. It must therefore read the page once from start to end, never trap on its
/// content, and give the same digest for the same bytes in every process and on every machine.
public protocol PageChecksum: Sendable {
    /// The name by which configuration selects this checksum, for example `xxh3-128`.
    var name: String { get }

    /// How many bits of the digest carry information, from 32 to 128.
    var bits: Int { get }

    /// The checksum of one page.
    ///
    /// - Parameter page: The bytes of the page; their number is a multiple of 16.
    /// - Complexity: O(n) in the size of the page, no allocation.
    func digest(of page: RawSpan) -> PageDigest
}
