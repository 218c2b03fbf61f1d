internal import CXXHash
public import PageChecksum

/// XXH32, from libxxhash: for machines of 32 bits, and to see how an index copes with a narrow checksum.
///
/// 32 bits are few: among 100,000 different pages about one pair has equal digests by chance. On machines of
/// 64 bits it is slower than ``XXH64Checksum``.
///
/// Source: Yann Collet, <https://github.com/Cyan4973/xxHash>, `doc/xxhash_spec.md`, "XXH32 algorithm description".
@frozen
public struct XXH32Checksum: PageChecksum {
    /// What the hash starts from; other values give unrelated digests.
    public let seed: UInt32

    /// Makes the checksum.
    ///
    /// - Parameter seed: The seed of XXH32.
    /// - Complexity: O(1)
    public init(seed: UInt32 = 0) { self.seed = seed }

    /// `xxh32`.
    public var name: String { "xxh32" }

    /// 32.
    public var bits: Int { 32 }

    /// The XXH32 hash of the bytes.
    ///
    /// - Parameter page: Any number of bytes at any alignment.
    /// - Complexity: O(n) in the number of bytes, no allocation.
    public func digest(of page: RawSpan) -> PageDigest {
        let hash = unsafe page.withUnsafeBytes { bytes in
            // SAFETY: as in ``XXH3Checksum/digest(of:)``.
            unsafe samepage_xxh32(bytes.baseAddress, bytes.count, seed)
        }
        return PageDigest(UInt64(hash))
    }
}
