import PageChecksum
import XXHashChecksum

/// A checksum with one fault, for tests of the conformance kit.
struct BrokenChecksum: PageChecksum {
    enum Fault: CaseIterable, Sendable {
        /// The last byte does not count.
        case ignoresLastByte
        /// Only every second bit of each byte counts.
        case ignoresBits
        /// 64 bits are claimed, and some above them are set.
        case setsUnusedBits
        /// 128 bits are claimed, and only 64 carry information.
        case claimsTooMuch
        /// The address counts.
        case dependsOnAddress
        /// 16 bits.
        case isTooNarrow
        /// A name that no configuration could hold.
        case hasNoName
    }

    let fault: Fault
    var name: String { fault == .hasNoName ? "" : "broken" }
    var bits: Int {
        switch fault {
        case .setsUnusedBits: 64
        case .isTooNarrow: 16
        default: 128
        }
    }

    func digest(of page: RawSpan) -> PageDigest {
        let sound = XXH3Checksum().digest(of: page)
        switch fault {
        case .ignoresLastByte: return XXH3Checksum().digest(of: page.extracting(droppingLast: 1))
        case .ignoresBits:
            // SAFETY: the buffer is read inside the closure only.
            let masked = unsafe page.withUnsafeBytes { unsafe $0.map { $0 & 0x55 } }
            return StrategyTests.digest(XXH3Checksum(), masked)
        case .setsUnusedBits: return PageDigest(high: sound.high & 1, low: sound.low)
        case .claimsTooMuch: return PageDigest(sound.low)
        case .dependsOnAddress:
            // SAFETY: the address is taken as a number only.
            let address = unsafe page.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
            return PageDigest(high: sound.high, low: sound.low &+ UInt64(address))
        case .isTooNarrow: return PageDigest(sound.low & 0xffff)
        case .hasNoName: return sound
        }
    }
}
