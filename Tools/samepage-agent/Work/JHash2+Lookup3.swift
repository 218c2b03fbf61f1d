extension JHash2 {
    /// Hashes any number of 32-bit words, as `hashword` does.
    ///
    /// - Parameters:
    ///   - bytes: The words, each in little-endian order, at any alignment; bytes beyond the last whole word do not count.
    ///   - initialValue: The value that the hash starts from.
    /// - Returns: The hash, the same on every machine.
    /// - Complexity: O(n) in the number of words, no allocation.
    ///
    /// Source: Bob Jenkins, `lookup3.c`, May 2006, function `hashword` (public domain). The macros `mix` and `final` are
    /// ``State/mix()`` and ``State/finish()`` here.
    public static func hash(wordsOf bytes: RawSpan, initialValue: UInt32) -> UInt32 {
        let words = bytes.byteCount / 4
        var state = State(words: words, initialValue: initialValue)
        var index = 0
        // Three words at a time, and at least one is left for the end.
        while words &- index > 3 {
            state.add(word(index, of: bytes), word(index &+ 1, of: bytes), word(index &+ 2, of: bytes))
            state.mix()
            index &+= 3
        }
        switch words &- index {
        case 3: state.add(word(index, of: bytes), word(index &+ 1, of: bytes), word(index &+ 2, of: bytes))
        case 2: state.add(word(index, of: bytes), word(index &+ 1, of: bytes), 0)
        case 1: state.add(word(index, of: bytes), 0, 0)
        default: return state.c  // No words at all: nothing is mixed.
        }
        state.finish()
        return state.c
    }

    /// The word at a place below the number of whole words of `bytes`.
    @inline(__always)
    private static func word(_ index: Int, of bytes: RawSpan) -> UInt32 {
        // SAFETY: the only caller passes 0 <= index < byteCount / 4, so that bytes 4 * index ..< 4 * index + 4 lie
        // in the span; the load takes any alignment, and every bit pattern is a UInt32. Checked loads would make a page
        // cost about four times as much.
        let loaded = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index &* 4, as: UInt32.self)
        return UInt32(littleEndian: loaded)
    }
}

extension JHash2 {
    /// The three words of `lookup3`'s inner state.
    struct State {
        var a: UInt32
        var b: UInt32
        var c: UInt32

        /// All three start from the length in bytes and the initial value.
        @inline(__always)
        init(words: Int, initialValue: UInt32) {
            a = 0xdead_beef &+ UInt32(truncatingIfNeeded: words) << 2 &+ initialValue
            b = a
            c = a
        }

        @inline(__always)
        mutating func add(_ first: UInt32, _ second: UInt32, _ third: UInt32) {
            a &+= first
            b &+= second
            c &+= third
        }

        /// Mixes three words reversibly (`mix`).
        @inline(__always)
        mutating func mix() {
            a = (a &- c) ^ rotated(c, 4)
            c = c &+ b
            b = (b &- a) ^ rotated(a, 6)
            a = a &+ c
            c = (c &- b) ^ rotated(b, 8)
            b = b &+ a
            a = (a &- c) ^ rotated(c, 16)
            c = c &+ b
            b = (b &- a) ^ rotated(a, 19)
            a = a &+ c
            c = (c &- b) ^ rotated(b, 4)
            b = b &+ a
        }

        /// Lets every bit of the three words reach `c` (`final`).
        @inline(__always)
        mutating func finish() {
            c = (c ^ b) &- rotated(b, 14)
            a = (a ^ c) &- rotated(c, 11)
            b = (b ^ a) &- rotated(a, 25)
            c = (c ^ b) &- rotated(b, 16)
            a = (a ^ c) &- rotated(c, 4)
            b = (b ^ a) &- rotated(a, 14)
            c = (c ^ b) &- rotated(b, 24)
        }

        @inline(__always)
        private func rotated(_ value: UInt32, _ bits: UInt32) -> UInt32 {
            value &<< bits | value &>> (32 &- bits)
        }
    }
}
