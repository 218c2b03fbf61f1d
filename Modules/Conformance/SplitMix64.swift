/// A small generator of pseudo-random numbers: the same numbers for the same seed, on every machine.
///
/// For tests and simulations that must be repeatable; not for secrets.
///
/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
@frozen
public struct SplitMix64: RandomNumberGenerator, Sendable {
    /// The state; it grows by the golden ratio with each number.
    @usableFromInline
    var state: UInt64

    /// Makes a generator.
    ///
    /// - Parameter seed: Any number; near seeds give unrelated numbers.
    /// - Complexity: O(1)
    @inlinable
    public init(seed: UInt64) { state = seed }

    /// The next number; all 2^64 come once before the first comes again.
    ///
    /// - Complexity: O(1)
    @inlinable
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed &>> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed &>> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed &>> 31
    }
}

extension SplitMix64 {
    /// Bytes that look random, and are the same for the same state.
    ///
    /// - Complexity: O(`count`)
    public mutating func bytes(count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}
