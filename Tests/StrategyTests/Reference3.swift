/// XXH3 as `doc/xxhash_spec.md` of xxHash describes it: what the plug-ins are compared with.
struct Reference3 {
    /// The default secret, in 24 words, the lowest byte of each first.
    static let secret: [UInt8] = [
        0xbe4b_a423_396c_feb8, 0x1cad_21f7_2c81_017c, 0xdb97_9083_e96d_d4de, 0x1f67_b3b7_a4a4_4072,
        0x78e5_c0cc_4ee6_79cb, 0x2172_ffcc_7dd0_5a82, 0x8e24_43f7_7446_08b8, 0x4c26_3a81_e690_35e0,
        0xcb00_c391_bb52_283c, 0xa32e_531b_8b65_d088, 0x4ef9_0da2_9748_6471, 0xd8ac_dea9_46ef_1938,
        0x3f34_9ce3_3f76_faa8, 0x1d4f_0bc7_c7bb_dcf9, 0x3159_b4cd_4be0_518a, 0x6473_78d9_c97e_9fc8,
        0xc3eb_d334_83ac_c5ea, 0xeb63_13fa_ffa0_81c5, 0x49da_f0b7_51dd_0d17, 0x9e68_d429_2655_16d3,
        0xfca1_477d_58be_162b, 0xce31_d07a_d1b8_f88f, 0x2804_1695_8f3a_cb45, 0x7e40_4bbb_cafb_d7af,
    ]
    .flatMap { (word: UInt64) in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }

    private let input: [UInt8]
    private let seed: UInt64
    private var length: UInt64 { UInt64(input.count) }
    private let primes = Reference.primes64
    private let mix1: UInt64 = 0x1656_6791_9E37_79F9
    private let mix2: UInt64 = 0x9FB2_1C65_1E98_DF25

    init(_ input: [UInt8], seed: UInt64) { (self.input, self.seed) = (input, seed) }

    typealias Halves = (low: UInt64, high: UInt64)

    /// XXH3 of 64 bits.
    var hash64: UInt64 {
        switch input.count {
        case 0: Reference.avalanche64(seed ^ word(56) ^ word(64))
        case 1...3: Reference.avalanche64((word32(0) ^ word32(4)) &+ seed ^ combined)
        case 4...8: fourToEight64()
        case 9...16: nineToSixteen64()
        case 17...240: medium64()
        default: large().low
        }
    }

    /// XXH3 of 128 bits.
    var hash128: Halves {
        switch input.count {
        case 0:
            (Reference.avalanche64(seed ^ word(64) ^ word(72)), Reference.avalanche64(seed ^ word(80) ^ word(88)))
        case 1...3: oneToThree128()
        case 4...8: fourToEight128()
        case 9...16: nineToSixteen128()
        case 17...240: medium128()
        default: large()
        }
    }

    // MARK: - Words

    private func word(_ place: Int, of bytes: [UInt8] = secret) -> UInt64 { Reference.number(bytes, place, 8) }
    private func word32(_ place: Int, of bytes: [UInt8] = secret) -> UInt64 { Reference.number(bytes, place, 4) }

    private func avalanche(_ value: UInt64) -> UInt64 {
        let mixed = (value ^ value >> 37) &* mix1
        return mixed ^ mixed >> 32
    }

    /// Both halves of a product, one over the other.
    private func folded(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.low ^ product.high
    }

    // MARK: - Up to 16 bytes

    private var combined: UInt64 {
        let (first, middle, last) = (input[0], input[input.count >> 1], input[input.count - 1])
        return UInt64(last) | length << 8 | UInt64(first) << 16 | UInt64(middle) << 24
    }

    private func oneToThree128() -> Halves {
        let turned = Reference.rotated(UInt32(combined).byteSwapped, 13)
        return (
            Reference.avalanche64((word32(0) ^ word32(4)) &+ seed ^ combined),
            Reference.avalanche64((word32(8) ^ word32(12)) &- seed ^ UInt64(turned))
        )
    }

    private var modifiedSeed: UInt64 { seed ^ UInt64(UInt32(truncatingIfNeeded: seed).byteSwapped) << 32 }

    private func fourToEight64() -> UInt64 {
        let ends = word32(input.count - 4, of: input) | word32(0, of: input) << 32
        var value = (word(8) ^ word(16)) &- modifiedSeed ^ ends
        value ^= Reference.rotated(value, 49) ^ Reference.rotated(value, 24)
        value = value &* mix2
        value = (value ^ (value >> 35 &+ length)) &* mix2
        return value ^ value >> 28
    }

    private func fourToEight128() -> Halves {
        let ends = word32(0, of: input) | word32(input.count - 4, of: input) << 32
        let value = (word(16) ^ word(24)) &+ modifiedSeed ^ ends
        var (high, low) = value.multipliedFullWidth(by: primes[0] &+ length << 2)
        high = high &+ low << 1
        low ^= high >> 3
        low = (low ^ low >> 35) &* mix2
        return (low ^ low >> 28, avalanche(high))
    }

    private func nineToSixteen64() -> UInt64 {
        let low = (word(24) ^ word(32)) &+ seed ^ word(0, of: input)
        let high = (word(40) ^ word(48)) &- seed ^ word(input.count - 8, of: input)
        return avalanche(length &+ low.byteSwapped &+ high &+ folded(low, high))
    }

    private func nineToSixteen128() -> Halves {
        let (first, last) = (word(0, of: input), word(input.count - 8, of: input))
        let one = (word(32) ^ word(40)) &- seed ^ first ^ last
        let two = (word(48) ^ word(56)) &+ seed ^ last
        var (high, low) = one.multipliedFullWidth(by: primes[0])
        low = low &+ (length &- 1) << 54
        high = high &+ (two >> 32) << 32 &+ (two & 0xffff_ffff) &* UInt64(Reference.primes32[1])
        low ^= high.byteSwapped
        let product = low.multipliedFullWidth(by: primes[1])
        return (avalanche(product.low), avalanche(product.high &+ high &* primes[1]))
    }

    // MARK: - 17 to 240 bytes

    private func mixed(_ place: Int, secret offset: Int, seed: UInt64) -> UInt64 {
        folded(
            word(place, of: input) ^ (word(offset) &+ seed), word(place + 8, of: input) ^ (word(offset + 8) &- seed))
    }

    private func medium64() -> UInt64 {
        var sum = length &* primes[0]
        guard input.count > 128 else {
            for round in (0...(input.count - 1) >> 5).reversed() {
                sum = sum &+ mixed(round * 16, secret: round * 32, seed: seed)
                sum = sum &+ mixed(input.count - round * 16 - 16, secret: round * 32 + 16, seed: seed)
            }
            return avalanche(sum)
        }
        for chunk in 0..<8 { sum = sum &+ mixed(chunk * 16, secret: chunk * 16, seed: seed) }
        sum = avalanche(sum)
        for chunk in 8..<input.count >> 4 { sum = sum &+ mixed(chunk * 16, secret: (chunk - 8) * 16 + 3, seed: seed) }
        return avalanche(sum &+ mixed(input.count - 16, secret: 119, seed: seed))
    }

    private func medium128() -> Halves {
        var sums: Halves = (length &* primes[0], 0)
        func mixTwo(_ first: Int, _ second: Int, secret offset: Int, seed: UInt64) {
            sums.low = sums.low &+ mixed(first, secret: offset, seed: seed)
            sums.high = sums.high &+ mixed(second, secret: offset + 16, seed: seed)
            sums.low ^= word(second, of: input) &+ word(second + 8, of: input)
            sums.high ^= word(first, of: input) &+ word(first + 8, of: input)
        }
        if input.count <= 128 {
            for round in (0...(input.count - 1) >> 5).reversed() {
                mixTwo(round * 16, input.count - round * 16 - 16, secret: round * 32, seed: seed)
            }
        } else {
            for chunk in 0..<4 { mixTwo(chunk * 32, chunk * 32 + 16, secret: chunk * 32, seed: seed) }
            sums = (avalanche(sums.low), avalanche(sums.high))
            for chunk in 4..<input.count >> 5 {
                mixTwo(chunk * 32, chunk * 32 + 16, secret: (chunk - 4) * 32 + 3, seed: seed)
            }
            mixTwo(input.count - 16, input.count - 32, secret: 103, seed: 0 &- seed)
        }
        let high = sums.low &* primes[0] &+ sums.high &* primes[3] &+ (length &- seed) &* primes[1]
        return (avalanche(sums.low &+ sums.high), 0 &- avalanche(high))
    }

    // MARK: - More than 240 bytes

    private func large() -> Halves {
        // The secret of the seed: every second word grows by it, every other shrinks.
        let secret = (0..<24).flatMap { place in
            let word = word(place * 8)
            let moved = place % 2 == 0 ? word &+ seed : word &- seed
            return (0..<8).map { UInt8(truncatingIfNeeded: moved >> (8 * $0)) }
        }
        let small = Reference.primes32.map(UInt64.init)
        var sums = [small[2], primes[0], primes[1], primes[2], primes[3], small[1], primes[4], small[0]]
        func accumulate(_ stripe: Int, secret offset: Int) {
            for lane in 0..<8 {
                let data = word(stripe + lane * 8, of: input)
                let value = data ^ word(offset + lane * 8, of: secret)
                sums[lane ^ 1] = sums[lane ^ 1] &+ data
                sums[lane] = sums[lane] &+ (value & 0xffff_ffff) &* (value >> 32)
            }
        }
        // The last block stays for the end, also when it is a whole one.
        let blocks = (input.count - 1) / 1024
        for block in 0..<blocks {
            for stripe in 0..<16 { accumulate(block * 1024 + stripe * 64, secret: stripe * 8) }
            for lane in 0..<8 {
                sums[lane] ^= sums[lane] >> 47
                sums[lane] = (sums[lane] ^ word(128 + lane * 8, of: secret)) &* small[0]
            }
        }
        for stripe in 0..<(input.count - blocks * 1024 - 1) / 64 {
            accumulate(blocks * 1024 + stripe * 64, secret: stripe * 8)
        }
        accumulate(input.count - 64, secret: 192 - 71)
        func merged(_ start: UInt64, secret offset: Int) -> UInt64 {
            avalanche(
                (0..<4).reduce(start) { sum, pair in
                    let keys = (word(offset + pair * 16, of: secret), word(offset + pair * 16 + 8, of: secret))
                    return sum &+ folded(sums[pair * 2] ^ keys.0, sums[pair * 2 + 1] ^ keys.1)
                })
        }
        return (merged(length &* primes[0], secret: 11), merged(~(length &* primes[1]), secret: 192 - 75))
    }
}
