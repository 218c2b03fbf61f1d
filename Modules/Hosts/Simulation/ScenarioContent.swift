import PageMemory
import SimulatedMemory

extension Scenario.Content {
    /// The byte that a page is full of, but for its start.
    private var filler: UInt8 {
        switch self {
        case .byte(let byte): byte
        case .text, .numbered: 0
        }
    }

    /// What stands at the start of a page: of a text what finds room.
    private func start(ofPage page: UInt64, size: Int) -> [UInt8] {
        switch self {
        case .byte: []
        case .text(let text): Array(text.utf8.prefix(size))
        case .numbered(let first):
            // The lowest byte first.
            (0..<MemoryLayout<UInt64>.size).map { UInt8(truncatingIfNeeded: (first &+ page) >> ($0 * 8)) }
        }
    }

    /// What a page must hold, from its start on: all its bytes, of a text only its own.
    func bytes(ofPage page: UInt64, size: Int) -> [UInt8] {
        let start = start(ofPage: page, size: size)
        if case .text = self { return start }
        return start + [UInt8](repeating: filler, count: size - start.count)
    }

    /// Writes whole pages.
    func write(
        to pages: Range<UInt64>, of space: AddressSpaceID, in memory: SimulatedMemory
    ) throws(SimulatedFault) {
        try memory.fill(space, pages, with: filler)
        if case .byte = self { return }
        for (number, page) in pages.enumerated() {
            try memory.store(start(ofPage: UInt64(number), size: memory.pageSize), to: page, of: space)
        }
    }
}
