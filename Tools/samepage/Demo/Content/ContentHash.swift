/// A fingerprint of a page's content that owes nothing to the merger's checksums.
///
/// Every step is a bijection of the state for a given word, and of the word for a given state: pages that differ within
/// one 8-byte word always differ in their fingerprints. Others are equal by a chance of 1 in 2^64.
package enum ContentHash {
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// The fingerprint of a page.
    ///
    /// - Parameter page: Aligned to 8 bytes, and a multiple of 32 bytes long.
    /// - Complexity: O(n) in the size of the page.
    @unsafe
    package static func of(_ page: UnsafeRawBufferPointer) -> UInt64 {
        guard let base = page.baseAddress else { return 0 }
        // SAFETY: the words lie within the page, which the caller keeps.
        let words = unsafe base.assumingMemoryBound(to: UInt64.self)
        var a: UInt64 = 1
        var b: UInt64 = 2
        var c: UInt64 = 3
        var d: UInt64 = 4
        var index = 0
        let end = page.count / 8
        while index < end {
            a = mix(a, unsafe words[index])
            b = mix(b, unsafe words[index + 1])
            c = mix(c, unsafe words[index + 2])
            d = mix(d, unsafe words[index + 3])
            index += 4
        }
        return mix(mix(mix(mix(0, a), b), c), d)
    }

    @inline(__always)
    private static func mix(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let product = (state ^ word) &* multiplier
        return product ^ (product >> 29)
    }
}
