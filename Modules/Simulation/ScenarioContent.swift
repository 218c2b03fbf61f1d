import PageMemory
import SimulatedMemory

extension Scenario.Content {
    /// What a page must hold, from its start on: all its bytes, of a text only its own.
    func bytes(ofPage page: UInt64, size: Int) -> [UInt8] {
        switch self {
        case .byte(let byte): [UInt8](repeating: byte, count: size)
        case .text(let text): Array(text.utf8)
        case .numbered(let first):
            Self.bytes(of: first &+ page) + [UInt8](repeating: 0, count: size - MemoryLayout<UInt64>.size)
        }
    }

    /// The bytes of a number, the lowest first.
    static func bytes(of number: UInt64) -> [UInt8] {
        (0..<MemoryLayout<UInt64>.size).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
}

extension SimulatedMemory {
    /// Writes whole pages; of a text what finds room, with zeros behind it.
    func fill(
        _ space: AddressSpaceID, _ pages: Range<UInt64>, with content: Scenario.Content
    ) throws(SimulatedFault) {
        switch content {
        case .byte(let byte): try fill(space, pages, with: byte)
        case .text(let text):
            try fill(space, pages, with: 0)
            let bytes = Array(text.utf8.prefix(pageSize))
            for page in pages { try store(bytes, to: page, of: space) }
        case .numbered(let first):
            try fill(space, pages, with: 0)
            for (place, page) in pages.enumerated() {
                try store(Scenario.Content.bytes(of: first &+ UInt64(place)), to: page, of: space)
            }
        }
    }
}
