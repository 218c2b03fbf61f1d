import Conformance
import PageChecksum
import Testing
import XXHashChecksum

@Suite("The xxHash family")
struct XXHashTests {
    /// The lengths that meet each way of each of the algorithms, and pages; every length of a page that the contract
    /// allows up to 1,040 bytes.
    static let lengths =
        Array(0...300) + Array(stride(from: 304, through: 1040, by: 16)) + [
            403, 511, 512, 513, 1023, 1025, 2047, 2048, 2049, 2367, 3072, 4080, 4096, 4097, 16384,
        ]
    /// Zeros, ones, the primes of xxHash's own check, the signs' ends, and any.
    static let seeds: [UInt64] = [
        0, 1, 2_654_435_761, 11_400_714_785_074_694_797, .max, 1 << 63, 0x0123_4567_89ab_cdef,
    ]

    private func compare(
        _ kind: String, _ plugIn: (_ seed: UInt64) -> any PageChecksum,
        _ reference: (_ bytes: [UInt8], _ seed: UInt64) -> PageDigest
    ) {
        var random = SplitMix64(seed: 7)
        let contents = [sanityBytes(16384), random.bytes(count: 16384)]
        for (place, length) in XXHashTests.lengths.enumerated() {
            // Each length with seed 0 and with one of the others in turn.
            for seed in [0, XXHashTests.seeds[1 + place % (XXHashTests.seeds.count - 1)]] {
                let bytes = Array(contents[place % 2].prefix(length))
                #expect(
                    digest(plugIn(seed), bytes) == reference(bytes, seed), "\(kind), \(length) bytes, seed \(seed)")
            }
        }
        let zeros = [UInt8](repeating: 0, count: 4096), ones = [UInt8](repeating: 0xff, count: 4096)
        for seed in XXHashTests.seeds {
            for page in [zeros, ones, Array(contents[0].prefix(4096))] {
                #expect(digest(plugIn(seed), page) == reference(page, seed), "\(kind), a page, seed \(seed)")
            }
        }
    }

    @Test("xxh32 is what the specification describes, over many lengths and seeds")
    func xxh32() {
        compare("xxh32") {
            XXH32Checksum(seed: UInt32(truncatingIfNeeded: $0))
        } _: {
            PageDigest(UInt64(Reference.xxh32($0, seed: UInt32(truncatingIfNeeded: $1))))
        }
    }

    @Test("xxh64 is what the specification describes, over many lengths and seeds")
    func xxh64() {
        compare("xxh64", XXH64Checksum.init) { PageDigest(Reference.xxh64($0, seed: $1)) }
    }

    @Test("xxh3-64 is what the specification describes, over many lengths and seeds")
    func xxh364() {
        compare("xxh3-64", XXH3Checksum64.init) { PageDigest(Reference3($0, seed: $1).hash64) }
    }

    @Test("xxh3-128 is what the specification describes, over many lengths and seeds")
    func xxh3128() {
        compare("xxh3-128", XXH3Checksum.init) {
            let halves = Reference3($0, seed: $1).hash128
            return PageDigest(high: halves.high, low: halves.low)
        }
    }

    /// The seeds of xxHash's own check.
    private static let seed32: UInt64 = 2_654_435_761, seed64: UInt64 = 11_400_714_785_074_694_797

    /// Lengths, and the hashes that `xxhsum` 0.8 checks itself by (`cli/xsum_sanity_check.c`), of seed 0 and
    /// of ``seed32``.
    static let published32: [(count: Int, plain: UInt64, seeded: UInt64)] = [
        (0, 0x02cc_5d05, 0x36b7_8ae7), (1, 0xcf65_b03e, 0xb454_5aa4), (14, 0x1208_e7e2, 0x6af1_d1fe),
        (222, 0x5bd1_1dbd, 0x5880_3c5f),
    ]
    static let published64: [(count: Int, plain: UInt64, seeded: UInt64)] = [
        (0, 0xef46_db37_51d8_e999, 0xac75_fda2_929b_17ef), (1, 0xe934_a84a_db05_2768, 0x5014_6076_43a9_b4c3),
        (14, 0x8282_dcc4_994e_35c8, 0xc3bd_6bf6_3deb_6df0), (222, 0xb641_ae8c_b691_c174, 0x20cb_8ab7_ae10_c14a),
    ]
    /// As above; the seed is ``seed64``.
    static let published3: [(count: Int, plain: UInt64, seeded: UInt64)] = [
        (0, 0x2d06_8005_38d3_94c2, 0xa8a6_b918_b2f0_364a), (1, 0xc44b_dff4_074e_ecdb, 0x032b_e332_dd76_6ef8),
        (6, 0x27b5_6a84_cd2d_7325, 0x8458_9c11_6ab5_9ab9), (12, 0xa713_daf0_dfbb_77e7, 0xe730_3e1b_2336_de0e),
        (24, 0xa3fe_70bf_9d35_10eb, 0x850e_80fc_35bd_d690), (48, 0x397d_a259_ecba_1f11, 0xadc2_cbaa_44ac_c616),
        (80, 0xbcde_fbbb_2c47_c90a, 0xc6dd_0cb6_9953_2e73), (195, 0xcd94_217e_e362_ec3a, 0xba68_003d_370c_b3d9),
        (403, 0xcdeb_804d_65c6_dea4, 0x6259_f6ec_fd64_43fd), (512, 0x617e_4959_9013_cb6b, 0x3ce4_57de_14c2_7708),
        (2048, 0xdd59_e2c3_a5f0_38e0, 0x66f8_1670_669a_babc), (2240, 0x6e73_a905_39cf_2948, 0x757b_a848_7d1b_5247),
        (2367, 0xcb37_aeb9_e5d3_61ed, 0xd2db_3415_b942_b42a),
    ]
    /// Of 128 bits, seeded only: XXH3Tests has those of seed 0.
    static let published128: [(count: Int, seed: UInt64, low: UInt64, high: UInt64)] = [
        (0, seed32, 0x5444_f786_9c67_1ab0, 0x9222_0ae5_5e14_ab50),
        (1, seed32, 0xb53d_5557_e7f7_6f8d, 0x89b9_9554_ba22_467c),
        (6, seed32, 0x269d_8f70_be98_856e, 0x5a86_5b53_89ab_d2b1),
        (12, seed32, 0x9be9_f9a6_7f3c_7dfb, 0xd7e0_9d51_8a34_05d3),
        (24, seed32, 0xd730_4c54_ebad_40a9, 0x3162_0267_14a6_a243),
        (48, seed32, 0x7ba3_c3e4_53a1_934e, 0x163a_dde3_6c07_2295),
        (81, seed32, 0x703f_bb3d_7a5f_755c, 0x2724_ec7a_dc75_0fb6),
        (222, seed32, 0xae99_5bb8_af91_7a8d, 0x9182_0016_621e_97f1),
        (403, seed64, 0x6259_f6ec_fd64_43fd, 0xbed3_1197_1e0b_e8f2),
        (512, seed64, 0x3ce4_57de_14c2_7708, 0x925d_06b8_ec5b_8040),
        (2048, seed32, 0x230d_43f3_0206_260b, 0x7fb0_3f7e_7186_c3ea),
        (2240, seed32, 0xed38_5111_126f_ba6f, 0x50a1_fe17_b338_995f),
        (2367, seed32, 0x6f53_60ae_69c2_f406, 0xd23a_ae4b_76c3_1ecb),
    ]

    @Test("the hashes that xxHash publishes, by the plug-ins and by the tests' own implementations")
    func published() {
        let bytes = sanityBytes(2367)
        func check(_ found: [PageDigest], _ expected: PageDigest, _ what: String) {
            for found in found { #expect(found == expected, "\(what)") }
        }
        for vector in XXHashTests.published32 {
            let part = Array(bytes.prefix(vector.count))
            for (seed, hash) in [(0, vector.plain), (UInt32(XXHashTests.seed32), vector.seeded)] {
                let own = PageDigest(UInt64(Reference.xxh32(part, seed: seed)))
                check([digest(XXH32Checksum(seed: seed), part), own], PageDigest(hash), "xxh32, \(vector.count)")
            }
        }
        for vector in XXHashTests.published64 {
            let part = Array(bytes.prefix(vector.count))
            for (seed, hash) in [(0, vector.plain), (XXHashTests.seed32, vector.seeded)] {
                let own = PageDigest(Reference.xxh64(part, seed: seed))
                check([digest(XXH64Checksum(seed: seed), part), own], PageDigest(hash), "xxh64, \(vector.count)")
            }
        }
        for vector in XXHashTests.published3 {
            let part = Array(bytes.prefix(vector.count))
            for (seed, hash) in [(0, vector.plain), (XXHashTests.seed64, vector.seeded)] {
                let own = PageDigest(Reference3(part, seed: seed).hash64)
                check([digest(XXH3Checksum64(seed: seed), part), own], PageDigest(hash), "xxh3-64, \(vector.count)")
            }
        }
        for (count, seed, low, high) in XXHashTests.published128 {
            let part = Array(bytes.prefix(count))
            let halves = Reference3(part, seed: seed).hash128
            let own = PageDigest(high: halves.high, low: halves.low)
            check(
                [digest(XXH3Checksum(seed: seed), part), own], PageDigest(high: high, low: low), "xxh3-128, \(count)")
        }
    }

    @Test("a seed of 0 is the default, and another one gives other digests")
    func seeds() {
        let page = sanityBytes(4096)
        #expect(digest(XXH32Checksum(), page) == digest(XXH32Checksum(seed: 0), page))
        #expect(digest(XXH32Checksum(), page) != digest(XXH32Checksum(seed: 1), page))
        #expect(digest(XXH64Checksum(), page) != digest(XXH64Checksum(seed: 1), page))
        #expect(digest(XXH3Checksum64(), page) != digest(XXH3Checksum64(seed: 1), page))
        #expect(digest(XXH3Checksum(), page) != digest(XXH3Checksum(seed: 1), page))
        // Both widths of XXH3 agree in the low half where the specification says so: beyond 240 bytes.
        #expect(digest(XXH3Checksum64(seed: 9), page).low == digest(XXH3Checksum(seed: 9), page).low)
    }
}
