import PageChecksum
import Testing
import XXHashChecksum

@Suite("xxh3-128")
struct XXH3Tests {
    /// Bytes, upper and lower half of the digest over `sanityBytes`. Made with the Python package `xxhash` 4.1.0 from
    /// PyPI, which carries xxHash 0.8.4: `xxhash.xxh3_128_intdigest(bytes[:count])`. The lengths meet each of the
    /// algorithm's ways: 0, 1-3, 4-8, 9-16, 17-128, 129-240 bytes, and one or several blocks of 1024.
    static let vectors: [(count: Int, high: UInt64, low: UInt64)] = [
        (0, 0x99aa_06d3_0147_98d8, 0x6001_c324_468d_497f),
        (1, 0xa6cd_5e93_9200_0f6a, 0xc44b_dff4_074e_ecdb),
        (3, 0x20ef_c49f_f024_22ea, 0x5424_7382_a8d6_b94d),
        (4, 0x970d_585a_c632_bf8e, 0x2e7d_8d68_76a3_9fe9),
        (8, 0x47a7_f080_d82b_b456, 0x64c6_9cab_4bb2_1dc5),
        (9, 0x564e_f607_8950_d457, 0xed7c_cbc5_01eb_7501),
        (12, 0x6e3e_fd8f_c780_2b18, 0x061a_1927_13f6_9ad9),
        (16, 0xc68c_368e_cf8a_9c05, 0x5629_8025_8a99_8629),
        (17, 0x955f_a786_43ed_3669, 0xabbc_12d1_1973_d7db),
        (24, 0x0ce9_66e4_678d_3761, 0x1e70_44d2_8b1b_901d),
        (32, 0x98fc_6458_710d_c2e8, 0x2784_10a1_7595_e3f9),
        (48, 0xa002_ac4e_5478_227e, 0xf942_219a_ed80_f67b),
        (64, 0x6d90_e81a_9b0f_d622, 0xefdb_6a44_6907_21a9),
        (81, 0x4952_f581_81ab_0042, 0x5e8b_afb9_f95f_b803),
        (96, 0xd9d0_b885_f56c_93f1, 0xe932_4473_ea9a_febe),
        (128, 0x3999_2220_e045_260a, 0xebb1_5e34_a7fb_5ab1),
        (129, 0x0381_5fc9_1f1b_30b6, 0x86c9_e3bc_8f0a_3b5c),
        (160, 0xba5d_2189_64b6_22ad, 0x7371_26c8_d7c0_9cee),
        (222, 0x337e_0964_1b94_8717, 0xf1ae_bd59_7cec_6b3a),
        (240, 0xaa42_02da_a276_9dc8, 0x5c9a_ae94_c8eb_e5a0),
        (241, 0x99a8_0ecf_0ecf_c647, 0xc5a6_39ec_d203_0e5e),
        (256, 0x8b1c_6609_1423_d288, 0x55de_574a_d89d_0ac5),
        (403, 0x1b6d_e21e_332d_d73d, 0xcdeb_804d_65c6_dea4),
        (512, 0x18d2_d110_dcc9_bca1, 0x617e_4959_9013_cb6b),
        (1008, 0x1a86_6f2f_aa47_512a, 0x7443_af3e_6676_4d1e),
        (1024, 0x0d30_d240_71c6_4c57, 0xdd85_c9b5_c110_9c5c),
        (2048, 0xf736_557f_d470_73a5, 0xdd59_e2c3_a5f0_38e0),
        (2240, 0xccb1_34fb_fa7c_e49d, 0x6e73_a905_39cf_2948),
        (2367, 0xe89c_0f6f_f369_b427, 0xcb37_aeb9_e5d3_61ed),
        (4080, 0x9ec2_1bf2_69ae_b135, 0x7ed2_234f_362a_97d5),
        (4096, 0xb9cf_aea2_ca56_26a4, 0xe912_0642_9d1f_48f9),
        (16384, 0x035f_d334_e0a3_7a89, 0xedd1_7b07_9a94_769e),
        (65536, 0xdeaf_bd9d_f07e_db70, 0x918f_7f0f_912c_a480),
    ]

    @Test("known digests of many lengths", arguments: vectors)
    func vector(count: Int, high: UInt64, low: UInt64) {
        #expect(digest(XXH3Checksum(), sanityBytes(count)) == PageDigest(high: high, low: low))
    }

    @Test("all lengths from 0 to 4096 bytes")
    func allLengths() {
        let bytes = sanityBytes(4096)
        let fold = (0...4096).reduce(0 as UInt64) { sum, count in
            let digest = digest(XXH3Checksum(), bytes, count)
            return sum &* 31 &+ (digest.high ^ digest.low)
        }
        #expect(fold == 0xc26e_e271_8f1c_af4b)
    }

    @Test("well-known contents")
    func wellKnown() {
        #expect(digest(XXH3Checksum(), Array("abc".utf8)).description == "06b05ab6733a618578af5f94892f3950")
        let zeros = digest(XXH3Checksum(), [UInt8](repeating: 0, count: 4096))
        #expect(zeros.description == "3ee8dc4f9e7ee49593d76fe148c689ba")
        let ones = digest(XXH3Checksum(), [UInt8](repeating: 0xff, count: 4096))
        #expect(ones.description == "5d26b21d7e0140bd074cfac273851dd6")
    }
}
