/// The checksum of one page: up to 128 bits, a hint and never proof that two pages are equal.
///
/// Narrower checksums fill ``low`` and leave ``high`` zero. Digests are ordered as 128-bit unsigned numbers,
/// so that a tree can be keyed by them.
@frozen
public struct PageDigest: Hashable, Sendable, Comparable {
    /// The more significant 64 bits; zero for checksums of 64 bits or fewer.
    public var high: UInt64
    /// The less significant 64 bits.
    public var low: UInt64

    /// Makes a digest of 128 bits.
    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Makes a digest of at most 64 bits.
    @inlinable
    public init(_ value: UInt64) {
        self.init(high: 0, low: value)
    }

    /// The order of 128-bit unsigned numbers.
    @inlinable
    public static func < (left: PageDigest, right: PageDigest) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

extension PageDigest: CustomStringConvertible {
    /// The digest as 32 hexadecimal digits.
    public var description: String {
        func digits(_ value: UInt64) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return digits(high) + digits(low)
    }
}
