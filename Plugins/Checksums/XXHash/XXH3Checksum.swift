internal import CXXHash
public import PageChecksum

/// XXH3 with 128 bits, from libxxhash: the default checksum of agents and daemon.
///
/// Far wider than the number of pages of any machine, so that equal digests of different pages are not met by chance,
/// and the fastest checksum here. The hash is not cryptographic, and a seed is no key: someone who wants to can make
/// different pages with equal digests, which costs the merger comparisons and never a wrong merge.
///
/// ```swift
/// let page = [UInt8](repeating: 7, count: 4096)
/// print(XXH3Checksum().digest(of: page.span.bytes))
/// ```
///
/// Source: Yann Collet, "XXH3", <https://github.com/Cyan4973/xxHash>, `doc/xxhash_spec.md`, with the default secret.
/// On x86-64 the library picks SSE2, AVX2 or AVX-512 at run time; the digest is the same.
@frozen
public struct XXH3Checksum: PageChecksum {
    /// What the hash starts from; other values give unrelated digests.
    public let seed: UInt64

    /// Makes the checksum.
    ///
    /// - Parameter seed: The seed of XXH3. The agent in each program knows seed 0 only: pages under another seed are
    ///   copied to the daemon.
    /// - Complexity: O(1)
    public init(seed: UInt64 = 0) { self.seed = seed }

    /// `xxh3-128`.
    public var name: String { "xxh3-128" }

    /// 128.
    public var bits: Int { 128 }

    /// The XXH3 hash of the bytes, its `high64` and `low64` in the halves of the digest.
    ///
    /// - Parameter page: Any number of bytes at any alignment.
    /// - Complexity: O(n) in the number of bytes, no allocation.
    public func digest(of page: RawSpan) -> PageDigest {
        let hash = unsafe page.withUnsafeBytes { bytes in
            // SAFETY: the library reads exactly `count` bytes from `baseAddress`, which the span keeps alive until
            // the closure ends, at any alignment; it reads nothing, and takes a null address, when `count` is 0.
            unsafe samepage_xxh3_128(bytes.baseAddress, bytes.count, seed)
        }
        return PageDigest(high: hash.high64, low: hash.low64)
    }
}
