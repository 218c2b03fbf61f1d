public import PageChecksum

/// Bob Jenkins' `lookup3` hash over the 32-bit words of a page: the checksum of KSM's first versions (`jhash2`).
///
/// 32 bits are few: among 100,000 different pages about one pair has equal checksums by chance. Use it to
/// reproduce figures of the 2009 design, or to see how an index copes with a narrow checksum.
///
/// Source: Bob Jenkins, `lookup3.c`, May 2006, function `hashword` (public domain),
/// <https://burtleburtle.net/bob/c/lookup3.c>.
@frozen
public struct JHash2: PageChecksum {
    /// The initial value that KSM uses, 17.
    public static let defaultInitialValue: UInt32 = 17

    /// The value that the hash starts from; other values give unrelated checksums.
    public let initialValue: UInt32

    /// Makes the checksum.
    ///
    /// - Parameter initialValue: The `initval` of `hashword`.
    /// - Complexity: O(1)
    public init(initialValue: UInt32 = JHash2.defaultInitialValue) {
        self.initialValue = initialValue
    }

    /// `jhash2`.
    public var name: String { "jhash2" }

    /// 32.
    public var bits: Int { 32 }

    /// The `hashword` of the page's little-endian words.
    ///
    /// - Parameter page: The bytes of the page, a multiple of 4 at any alignment.
    /// - Complexity: O(n) in the size of the page, no allocation.
    public func digest(of page: RawSpan) -> PageDigest {
        PageDigest(UInt64(JHash2.hash(wordsOf: page, initialValue: initialValue)))
    }
}
