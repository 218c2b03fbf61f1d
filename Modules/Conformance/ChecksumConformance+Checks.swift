import PageChecksum

extension ChecksumConformance {
    func descriptionViolations() -> [String] {
        var found: [String] = []
        if !isPlainName(checksum.name) {
            found.append("the name '\(checksum.name)' is not made of small letters, digits and hyphens")
        }
        if !(32...128).contains(checksum.bits) {
            found.append("\(checksum.bits) bits: a checksum has from 32 to 128")
        }
        return found
    }

    /// The same bytes, again, in a copy and at 16 alignments.
    func repetitionViolations(_ digests: inout [PageDigest]) -> [String] {
        var random = SplitMix64(seed: seed)
        let pages = [
            [UInt8](repeating: 0, count: pageSize), [UInt8](repeating: 0xff, count: pageSize),
            (0..<pageSize).map { UInt8(truncatingIfNeeded: $0) }, random.bytes(count: pageSize),
        ]
        var found: [String] = []
        for (number, page) in pages.enumerated() {
            let first = digest(page)
            digests.append(first)
            if digest(page) != first { found.append("page \(number): a second call gives another digest") }
            for offset in 0..<16 {
                let shifted = random.bytes(count: offset) + page + random.bytes(count: 16)
                if digest(shifted, from: offset) != first {
                    found.append("page \(number): another digest \(offset) bytes further on in memory")
                    break
                }
            }
        }
        return found
    }

    /// Three changes of each byte of a random page.
    func changeViolations(_ digests: inout [PageDigest]) -> [String] {
        var random = SplitMix64(seed: seed &+ 1)
        var page = random.bytes(count: pageSize)
        let original = digest(page)
        var ignored: [Int] = []
        var missed = 0
        for position in 0..<pageSize {
            let byte = page[position]
            var missedHere = 0
            for mask in [1, 0x80, UInt8.random(in: 2...0x7f, using: &random)] {
                page[position] = byte ^ mask
                let changed = digest(page)
                digests.append(changed)
                if changed == original { missedHere += 1 }
            }
            page[position] = byte
            missed += missedHere
            if missedHere == 3 { ignored.append(position) }
        }
        var found: [String] = []
        if let first = ignored.first {
            found.append("\(ignored.count) bytes do not count in the digest, the first is byte \(first)")
        }
        if missed > (checksum.bits < 64 ? 1 : 0) {
            found.append("\(missed) of \(pageSize * 3) changes of a single byte do not change the digest")
        }
        return found
    }

    /// Bits beyond the width are zero, those within it are sometimes 0 and sometimes 1.
    func widthViolations(_ digests: [PageDigest]) -> [String] {
        guard let first = digests.first else { return [] }
        var set = PageDigest(0)
        var varying = PageDigest(0)
        for digest in digests {
            set = PageDigest(high: set.high | digest.high, low: set.low | digest.low)
            varying.high |= digest.high ^ first.high
            varying.low |= digest.low ^ first.low
        }
        let bits = checksum.bits
        let claimed = PageDigest(
            high: bits <= 64 ? 0 : UInt64.max >> UInt64(128 - bits),
            low: bits < 64 ? ~(UInt64.max << UInt64(bits)) : .max)
        var found: [String] = []
        if set.high & ~claimed.high != 0 || set.low & ~claimed.low != 0 {
            found.append("bits beyond the \(bits) of the checksum are set in a digest")
        }
        let still = (claimed.high & ~varying.high).nonzeroBitCount + (claimed.low & ~varying.low).nonzeroBitCount
        if still > 0 { found.append("\(still) of the \(bits) bits never change: they carry no information") }
        return found
    }
}

/// Whether a name can stand in a configuration: small letters, digits and hyphens, at least one.
func isPlainName(_ name: String) -> Bool {
    !name.isEmpty
        && name.utf8.allSatisfy {
            ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z")) || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
                || $0 == UInt8(ascii: "-")
        }
}
