internal import PageChecksum
internal import PageTree

/// The bytes of one page, kept as 64-bit words so that comparing needs no unsafe loads.
///
/// A value: copies share their storage until one of them is written, which is what a fork will want.
struct PageBytes: Equatable {
    private var words: [UInt64]

    /// A page of zeros. `size` is in bytes, a multiple of 16.
    init(zeros size: Int) {
        words = Array(repeating: 0, count: size / 8)
    }

    /// Whether every byte is zero. O(size), stops at the first that is not.
    var isZero: Bool { words.allSatisfy { $0 == 0 } }

    /// The order in which `memcmp` puts this page and another of the same size. O(size).
    func order(relativeTo other: PageBytes) -> PageOrder {
        for index in words.indices where words[index] != other.words[index] {
            return words[index].bigEndian < other.words[index].bigEndian ? .before : .after
        }
        return .same
    }

    /// The checksum of the page.
    func digest(with checksum: any PageChecksum) -> PageDigest {
        // SAFETY: 64-bit integers have no padding: each of their bytes is initialised.
        checksum.digest(of: unsafe words.span.bytes)
    }

    /// Overwrites bytes, beginning at `offset`. O(count of bytes).
    mutating func replace(at offset: Int, with bytes: [UInt8]) {
        precondition(offset >= 0 && offset + bytes.count <= words.count * 8, "the write leaves the page")
        for (position, byte) in zip(offset..., bytes) {
            let shift = UInt64(position % 8) * 8
            let value = words[position / 8].littleEndian & ~(0xff << shift) | UInt64(byte) << shift
            words[position / 8] = UInt64(littleEndian: value)
        }
    }

    /// All bytes, in ascending address. O(size).
    var bytes: [UInt8] {
        words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word.littleEndian >> ($0 * 8)) } }
    }
}
