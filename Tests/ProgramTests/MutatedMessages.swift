import Conformance
import Wire

/// Messages of a daemon that were right once: some of their bytes are others, they are cut, or something follows.
struct MutatedMessages {
    /// An area of the program, and a file of frames for it.
    let area: WireArea
    let segment: LyingSegment

    /// Numbers at which something ends.
    private static let edges: [UInt32] = [
        0, 1, 2, 63, 64, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, .max - 1, .max, UInt32(WireLimit.sites),
        UInt32(WireLimit.pages), UInt32(WireLimit.pages) + 1, WireLimit.framesOfSegment, WireLimit.segments,
    ]

    /// A message, and the descriptor that goes with it.
    func next(_ random: inout SplitMix64) -> (bytes: [UInt8], descriptor: Int32?) {
        var (bytes, hasSegment) = right(&random)
        // Half of them stay right: most others are the last.
        if Bool.random(using: &random) { Self.mutate(&bytes, &random) }
        if Int.random(in: 0..<64, using: &random) == 0 { hasSegment.toggle() }
        return (bytes, hasSegment ? segment.descriptor : nil)
    }

    /// One message with a change somewhere.
    static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
        case 1:
            for _ in 0..<Int.random(in: 1...64, using: &random) {
                bytes.append(UInt8.random(in: 0...255, using: &random))
            }
        case 2: bytes += bytes.suffix(Int.random(in: 0..<bytes.count, using: &random))
        case 3..<7:
            // A field of the head or behind it.
            let place = Int.random(in: 0..<max(1, bytes.count / 4), using: &random) * 4
            let edge = edges.randomElement(using: &random)!
            for byte in 0..<4 where place + byte < bytes.count {
                bytes[place + byte] = UInt8(truncatingIfNeeded: edge >> UInt32(byte * 8))
            }
        default: bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
    }

    /// A message that a daemon may send, and whether a segment goes with it.
    private func right(_ random: inout SplitMix64) -> (bytes: [UInt8], hasSegment: Bool) {
        let pages = (0..<area.pageCount).filter { _ in Bool.random(using: &random) }
        func list(_ kind: WireKind) -> [UInt8] {
            head(kind, pages.count) + pages.flatMap { bytes(of: WirePage(area: area.area, index: $0)) }
        }
        switch Int.random(in: 0..<13, using: &random) {
        case 0..<3:
            let sites = pages.map { page in
                let kind = LyingSegment.Frame.allCases.randomElement(using: &random)!
                return WireSite(
                    area: area.area, index: page, frame: LyingSegment.frame(kind, of: Int(page)))
            }
            return (head(.merge, sites.count) + sites.flatMap { bytes(of: $0) }, false)
        case 3: return (list(.unmerge), false)
        case 4: return (list(.checksum), false)
        case 5: return (list(.upload), false)
        case 6:
            let range = WireRange(area: area.area, start: 0, count: area.pageCount, capacity: 16)
            return (head([.observe, .forget].randomElement(using: &random)!) + bytes(of: range), false)
        case 7: return (head(.evacuate) + bytes(of: WireSegment(number: 0)), false)
        case 8: return (head([.statistics, .entries].randomElement(using: &random)!), false)
        case 9: return (head(.settings) + bytes(of: WireSettings()), false)
        case 10: return (head(.segment) + bytes(of: WireSegment(number: 0)), true)
        case 11: return (head(.quiet, 2) + bytes(of: area.area) + bytes(of: UInt32(7)), false)
        default: return (head(.dropSegment) + bytes(of: WireSegment(number: 0)), false)
        }
    }

    private func head(_ kind: WireKind, _ count: Int = 0) -> [UInt8] {
        bytes(of: WireHeader(kind, count: count, sequence: 1))
    }
}
