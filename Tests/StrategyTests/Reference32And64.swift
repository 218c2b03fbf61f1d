/// XXH32 and XXH64 as `doc/xxhash_spec.md` of xxHash describes them, step by step, slow and plain: what the plug-ins,
/// which call the library, are compared with.
enum Reference {
    static let primes32: [UInt32] = [0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D, 0x27D4_EB2F, 0x1656_67B1]
    static let primes64: [UInt64] = [
        0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x85EB_CA77_C2B2_AE63,
        0x27D4_EB2F_1656_67C5,
    ]

    /// A number of so many bytes, the lowest first.
    static func number(_ bytes: [UInt8], _ place: Int, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(bytes[place + $1]) << UInt64(8 * $1) }
    }

    static func rotated<Word: FixedWidthInteger>(_ word: Word, _ bits: Int) -> Word {
        word << bits | word >> (Word.bitWidth - bits)
    }

    static func xxh32(_ bytes: [UInt8], seed: UInt32) -> UInt32 {
        let (prime1, prime2, prime3) = (primes32[0], primes32[1], primes32[2])
        func word(_ place: Int) -> UInt32 { UInt32(number(bytes, place, 4)) }
        var place = 0
        var sum = seed &+ primes32[4]
        if bytes.count >= 16 {
            var lanes = [seed &+ prime1 &+ prime2, seed &+ prime2, seed, seed &- prime1]
            while bytes.count - place >= 16 {
                for lane in 0..<4 {
                    lanes[lane] = rotated(lanes[lane] &+ word(place + 4 * lane) &* prime2, 13) &* prime1
                }
                place += 16
            }
            sum = zip(lanes, [1, 7, 12, 18]).reduce(0) { $0 &+ rotated($1.0, $1.1) }
        }
        sum = sum &+ UInt32(bytes.count)
        while bytes.count - place >= 4 {
            sum = rotated(sum &+ word(place) &* prime3, 17) &* primes32[3]
            place += 4
        }
        for byte in bytes[place...] { sum = rotated(sum &+ UInt32(byte) &* primes32[4], 11) &* prime1 }
        sum = (sum ^ sum >> 15) &* prime2
        sum = (sum ^ sum >> 13) &* prime3
        return sum ^ sum >> 16
    }

    static func xxh64(_ bytes: [UInt8], seed: UInt64) -> UInt64 {
        let (prime1, prime2, prime3, prime4) = (primes64[0], primes64[1], primes64[2], primes64[3])
        func round(_ sum: UInt64, _ lane: UInt64) -> UInt64 { rotated(sum &+ lane &* prime2, 31) &* prime1 }
        var place = 0
        var sum = seed &+ primes64[4]
        if bytes.count >= 32 {
            var lanes = [seed &+ prime1 &+ prime2, seed &+ prime2, seed, seed &- prime1]
            while bytes.count - place >= 32 {
                for lane in 0..<4 { lanes[lane] = round(lanes[lane], number(bytes, place + 8 * lane, 8)) }
                place += 32
            }
            sum = zip(lanes, [1, 7, 12, 18]).reduce(0) { $0 &+ rotated($1.0, $1.1) }
            for lane in lanes { sum = (sum ^ round(0, lane)) &* prime1 &+ prime4 }
        }
        sum = sum &+ UInt64(bytes.count)
        while bytes.count - place >= 8 {
            sum = rotated(sum ^ round(0, number(bytes, place, 8)), 27) &* prime1 &+ prime4
            place += 8
        }
        if bytes.count - place >= 4 {
            sum = rotated(sum ^ number(bytes, place, 4) &* prime1, 23) &* prime2 &+ prime3
            place += 4
        }
        for byte in bytes[place...] { sum = rotated(sum ^ UInt64(byte) &* primes64[4], 11) &* prime1 }
        return avalanche64(sum)
    }

    /// The last step of XXH64, which XXH3 uses as well.
    static func avalanche64(_ value: UInt64) -> UInt64 {
        var sum = (value ^ value >> 33) &* primes64[1]
        sum = (sum ^ sum >> 29) &* primes64[2]
        return sum ^ sum >> 32
    }
}
