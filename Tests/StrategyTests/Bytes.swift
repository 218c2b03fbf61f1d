import JHash2Checksum
import PageChecksum

/// The bytes of xxHash's own sanity check: the top bytes of a number multiplied by a 64-bit prime again and again.
func sanityBytes(_ count: Int) -> [UInt8] {
    var state: UInt64 = 2_654_435_761
    return (0..<count).map { _ in
        defer { state &*= 11_400_714_785_074_694_797 }
        return UInt8(truncatingIfNeeded: state >> 56)
    }
}

/// The digest of the first bytes of an array.
func digest(_ checksum: some PageChecksum, _ bytes: [UInt8], _ count: Int? = nil) -> PageDigest {
    // SAFETY: bytes of bytes; every one is initialized, and the span does not outlive the array.
    unsafe checksum.digest(of: bytes.span.bytes.extracting(first: count ?? bytes.count))
}

/// The `hashword` of the first words of an array of bytes.
func jhash2(_ bytes: [UInt8], words: Int, _ initialValue: UInt32) -> UInt32 {
    // SAFETY: as in `digest`.
    unsafe JHash2.hash(wordsOf: bytes.span.bytes.extracting(first: words * 4), initialValue: initialValue)
}
