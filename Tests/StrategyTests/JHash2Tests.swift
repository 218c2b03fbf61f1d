import Conformance
import JHash2Checksum
import PageChecksum
import Testing

@Suite("jhash2")
struct JHash2Tests {
    /// Words, initial value and hash over `sanityBytes`. Made with a Python program written from the description of
    /// `lookup3.c`, which agrees with a C compilation of its macros in the hashes of all lengths from 0 to 1024 words:
    /// `a = b = c = 0xdeadbeef + (length << 2) + initval`, three words at a time, `mix`, the rest, `final`.
    static let vectors: [(words: Int, initialValue: UInt32, hash: UInt32)] = [
        (0, 17, 0xdead_bf00), (1, 17, 0x7598_dd1a), (2, 17, 0xf90e_a7c5), (3, 17, 0xce1c_9bfd),
        (4, 17, 0x3199_74ea), (5, 17, 0x7b6c_279e), (6, 17, 0xcd49_5ef5), (7, 17, 0x8ffd_ebdd),
        (8, 17, 0xe465_d09f), (9, 17, 0x6350_50c8), (10, 17, 0x9ab1_4ac7), (11, 17, 0xd9b3_be6e),
        (12, 17, 0xe261_69ed), (13, 17, 0x7bba_549e), (15, 17, 0x457d_881a), (16, 17, 0xdd0a_a4e2),
        (17, 17, 0x8a98_8316), (31, 17, 0x2d7b_1006), (64, 17, 0xfede_517f), (100, 17, 0x692a_c730),
        (255, 17, 0x0554_6a00), (256, 17, 0xda26_133c), (1000, 17, 0xbda4_c4ec), (1024, 17, 0xdc41_0d45),
        (4096, 17, 0x4140_b73f), (16384, 17, 0xcf7d_533b),
        (0, 0, 0xdead_beef), (1, 0, 0x6054_f0c6), (3, 0, 0xe86d_7511), (4, 0, 0xe2e6_9d0d),
        (1024, 0, 0x2a36_ddc0), (1024, 0xffff_ffff, 0x1103_dc4f), (1024, 1, 0xa8ec_0bba),
        (5, 0xdead_beef, 0xe4b4_502f),
    ]

    @Test("known hashes of many lengths", arguments: vectors)
    func vector(words: Int, initialValue: UInt32, hash: UInt32) {
        #expect(jhash2(sanityBytes(words * 4), words: words, initialValue) == hash)
    }

    /// `driver5` of `lookup3.c` prints these for `hashlittle`. It differs from `hashword` only in adding the length in
    /// bytes, 30, where eight words add 32.
    @Test("the hashes that lookup3.c prints itself")
    func published() {
        let text = Array("Four score and seven years ago".utf8) + [0, 0]
        #expect(jhash2(text, words: 8, 0 &- 2) == 0x1777_0551)
        #expect(jhash2(text, words: 8, 1 &- 2) == 0xcd62_8161)
        #expect(jhash2([], words: 0, 0) == 0xdead_beef)
        #expect(jhash2([], words: 0, 0xdead_beef) == 0xbd5b_7dde)
        #expect(jhash2([], words: 0, 0xbd5b_7dde) == 0x9c09_3ccd)
    }

    @Test("all lengths from 0 to 1024 words")
    func allLengths() {
        let bytes = sanityBytes(4096)
        let fold = (0...1024).reduce(0 as UInt64) { $0 &* 31 &+ UInt64(jhash2(bytes, words: $1, 17)) }
        #expect(fold == 0x4bd2_3955_414b_ad94)
    }

    @Test("the hashes of another implementation, over many lengths, initial values and contents")
    func otherImplementation() {
        var random = SplitMix64(seed: 11)
        let contents = [
            sanityBytes(16384), random.bytes(count: 16384), [UInt8](repeating: 0, count: 16384),
            [UInt8](repeating: 0xff, count: 16384),
        ]
        let values: [UInt32] = [17, 0, 1, 0xdead_beef, .max, 1 << 31]
        for length in Array(0...300) + [1023, 1024, 1025, 4096] {
            let bytes = contents[length % contents.count]
            let words = (0..<length).map { word in
                (0..<4).reduce(0) { $0 | UInt32(bytes[word * 4 + $1]) << UInt32(8 * $1) }
            }
            for value in [17, values[length % values.count]] {
                let expected = ReferenceLookup3.hash(words, initialValue: value)
                #expect(jhash2(bytes, words: length, value) == expected, "\(length) words, initial value \(value)")
            }
        }
        // The other implementation itself gives what lookup3.c prints.
        #expect(ReferenceLookup3.hash([], initialValue: 0xdead_beef) == 0xbd5b_7dde)
        let text = Array("Four score and seven years ago".utf8) + [0, 0]
        let words = (0..<8).map { word in (0..<4).reduce(0) { $0 | UInt32(text[word * 4 + $1]) << UInt32(8 * $1) } }
        #expect(ReferenceLookup3.hash(words, initialValue: 0 &- 2) == 0x1777_0551)
        #expect(ReferenceLookup3.hash(words, initialValue: 1 &- 2) == 0xcd62_8161)
    }

    @Test("a page's digest has 32 bits and starts from 17 unless told otherwise")
    func page() {
        let bytes = sanityBytes(4096)
        #expect(digest(JHash2(), bytes) == PageDigest(0xdc41_0d45))
        #expect(digest(JHash2(initialValue: 1), bytes) == PageDigest(0xa8ec_0bba))
        #expect(digest(JHash2(), [UInt8](repeating: 0, count: 4096)) == PageDigest(0x6157_4272))
        #expect(digest(JHash2(), [UInt8](repeating: 0xff, count: 4096)) == PageDigest(0x8602_b83e))
    }

    @Test("bytes beyond the last whole word do not count")
    func oddBytes() {
        let bytes = sanityBytes(67)
        let expected = jhash2(bytes, words: 16, 17)
        for count in 64...67 { #expect(digest(JHash2(), bytes, count) == PageDigest(UInt64(expected))) }
    }
}
