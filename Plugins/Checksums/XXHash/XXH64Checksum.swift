internal import CXXHash
public import PageChecksum

/// XXH64, from libxxhash: the hash of today's KSM, with all its 64 bits.
///
/// Linux KSM takes XXH64 with seed 0 of a page on machines of 64 bits (XXH32 on those of 32) and keeps the low 32 bits,
/// to see whether the page changed. Here all 64 are kept, because the digest is the key of indexes as well; the low 32
/// are the kernel's checksum.
///
/// Source: Yann Collet, <https://github.com/Cyan4973/xxHash>, `doc/xxhash_spec.md`, "XXH64 algorithm description".
@frozen
public struct XXH64Checksum: PageChecksum {
    /// What the hash starts from; other values give unrelated digests.
    public let seed: UInt64

    /// Makes the checksum.
    ///
    /// - Parameter seed: The seed of XXH64; KSM's is 0.
    /// - Complexity: O(1)
    public init(seed: UInt64 = 0) { self.seed = seed }

    /// `xxh64`.
    public var name: String { "xxh64" }

    /// 64.
    public var bits: Int { 64 }

    /// The XXH64 hash of the bytes.
    ///
    /// - Parameter page: Any number of bytes at any alignment.
    /// - Complexity: O(n) in the number of bytes, no allocation.
    public func digest(of page: RawSpan) -> PageDigest {
        let hash = unsafe page.withUnsafeBytes { bytes in
            // SAFETY: as in ``XXH3Checksum/digest(of:)``.
            unsafe samepage_xxh64(bytes.baseAddress, bytes.count, seed)
        }
        return PageDigest(hash)
    }
}
