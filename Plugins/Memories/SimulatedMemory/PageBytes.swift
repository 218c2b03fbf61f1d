internal import PageChecksum
internal import PageTree

/// The bytes of one page, kept as 64-bit words so that comparing needs no unsafe loads.
///
/// A page that is one repeated word takes no storage of its own, one that differs from that in few words takes little.
/// A value: copies share their storage until one of them is written. The size of a page is told to each call.
struct PageBytes {
    private enum Form {
        /// One word, repeated.
        case pattern(UInt64)
        /// The repeated word, then the places and values of the words that differ from it, ascending.
        case edited([UInt64])
        /// Every word.
        case full([UInt64])
    }

    private var form: Form

    /// A page of zeros.
    static let zeros = PageBytes(repeating: 0)

    /// A page of one byte.
    init(repeating byte: UInt8) {
        form = .pattern(UInt64(byte) &* 0x0101_0101_0101_0101)
    }

    /// More words than this that differ from the pattern, and all are kept.
    private static func mostEdits(_ wordCount: Int) -> Int { min(8, wordCount / 2) }

    /// Whether every byte is zero. O(size), stops at the first that is not.
    var isZero: Bool {
        switch form {
        case .pattern(let word): word == 0
        // At least one word has the pattern, and at least one has not.
        case .edited: false
        case .full(let words): words.allSatisfy { $0 == 0 }
        }
    }

    private func word(at index: Int) -> UInt64 {
        switch form {
        case .pattern(let word):
            return word
        case .edited(let edits):
            for place in stride(from: 1, to: edits.count, by: 2) where edits[place] == UInt64(index) {
                return edits[place + 1]
            }
            return edits[0]
        case .full(let words):
            return words[index]
        }
    }

    /// The order in which `memcmp` puts this page and another, both of `size` bytes. O(1) for two plain patterns, else
    /// O(size).
    func order(relativeTo other: PageBytes, size: Int) -> PageOrder {
        switch (form, other.form) {
        case (.pattern(let left), .pattern(let right)):
            return Self.order(left, right)
        case (.edited(let left), .edited(let right)) where left == right:
            return .same
        case (.full(let left), .full(let right)):
            for index in left.indices where left[index] != right[index] { return Self.order(left[index], right[index]) }
            return .same
        default:
            for index in 0..<size / 8 {
                let order = Self.order(word(at: index), other.word(at: index))
                if order != .same { return order }
            }
            return .same
        }
    }

    private static func order(_ left: UInt64, _ right: UInt64) -> PageOrder {
        left == right ? .same : left.bigEndian < right.bigEndian ? .before : .after
    }

    /// The checksum of the page, taken over its bytes. `buffer` has as many words as the page; what is in it does not matter.
    func digest(with checksum: any PageChecksum, buffer: inout [UInt64]) -> PageDigest {
        switch form {
        case .full(let words):
            // SAFETY: 64-bit integers have no padding: each of their bytes is initialised.
            return checksum.digest(of: unsafe words.span.bytes)
        case .pattern(let word):
            for index in buffer.indices { buffer[index] = word }
        case .edited(let edits):
            for index in buffer.indices { buffer[index] = edits[0] }
            for place in stride(from: 1, to: edits.count, by: 2) { buffer[Int(edits[place])] = edits[place + 1] }
        }
        // SAFETY: as above.
        return checksum.digest(of: unsafe buffer.span.bytes)
    }

    /// Overwrites bytes of a page of `size` bytes, beginning at `offset`. O(count of bytes), at most O(size).
    mutating func replace(at offset: Int, with bytes: [UInt8], size: Int) {
        precondition(offset >= 0 && offset + bytes.count <= size, "the write leaves the page")
        guard !bytes.isEmpty else { return }
        let touched = offset / 8...(offset + bytes.count - 1) / 8
        let most = Self.mostEdits(size / 8)
        if case .full = form {
        } else if touched.count > most {
            form = .full((0..<size / 8).map(word(at:)))
        }
        if case .full(var words) = form {
            form = .pattern(0)
            for index in touched { words[index] = Self.overwrite(words[index], index, offset, bytes) }
            form = bytes.count == size ? Self.compact(words, most: most) : .full(words)
            return
        }
        for index in touched {
            edit(index, to: Self.overwrite(word(at: index), index, offset, bytes), size: size)
        }
    }

    /// Sets a word of a page that is not kept in full.
    private mutating func edit(_ index: Int, to value: UInt64, size: Int) {
        if case .full(var words) = form {
            form = .pattern(0)
            words[index] = value
            form = .full(words)
            return
        }
        guard value != word(at: index) else { return }
        var edits: [UInt64] =
            switch form {
            case .pattern(let word): [word]
            case .edited(let edits): edits
            case .full: preconditionFailure("all words are kept")
            }
        var place = 1
        while place < edits.count, edits[place] < UInt64(index) { place += 2 }
        let isEdited = place < edits.count && edits[place] == UInt64(index)
        if isEdited { edits.removeSubrange(place...place + 1) }
        if value != edits[0] { edits.insert(contentsOf: [UInt64(index), value], at: place) }
        guard edits.count / 2 <= Self.mostEdits(size / 8) else {
            var words = (0..<size / 8).map(word(at:))
            words[index] = value
            form = .full(words)
            return
        }
        form = edits.count == 1 ? .pattern(edits[0]) : .edited(edits)
    }

    /// A word with the bytes of a write that begins at `offset` put into it.
    private static func overwrite(_ word: UInt64, _ index: Int, _ offset: Int, _ bytes: [UInt8]) -> UInt64 {
        var value = word.littleEndian
        for position in max(index * 8, offset)..<min(index * 8 + 8, offset + bytes.count) {
            let shift = UInt64(position % 8) * 8
            value = value & ~(0xff << shift) | UInt64(bytes[position - offset]) << shift
        }
        return UInt64(littleEndian: value)
    }

    /// The smallest form of these words.
    private static func compact(_ words: [UInt64], most: Int) -> Form {
        for pattern in [words[0], words[words.count - 1]] {
            var edits = [pattern]
            for (index, word) in words.enumerated() where word != pattern {
                edits.append(UInt64(index))
                edits.append(word)
                if edits.count / 2 > most { break }
            }
            if edits.count == 1 { return .pattern(pattern) }
            if edits.count / 2 <= most { return .edited(edits) }
        }
        return .full(words)
    }

    /// All bytes of a page of `size` bytes, in ascending address. O(size)
    func bytes(size: Int) -> [UInt8] {
        (0..<size / 8).flatMap { index in
            let word = word(at: index).littleEndian
            return (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
        }
    }
}
