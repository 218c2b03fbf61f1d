internal import PageMemory

/// What one page of an address space holds.
enum PageHolding {
    /// Nothing: never touched, or discarded. Reads as zeros.
    case absent
    /// Nothing, because a merge gave the page back: it held zeros.
    case zeros
    /// Content of its own.
    case own(PageBytes)
    /// A frame, copy-on-write.
    case shared(Frame)

    /// Whether the page holds content, its own or a frame's.
    var exists: Bool {
        switch self {
        case .absent, .zeros: false
        case .own, .shared: true
        }
    }
}

/// Sixty-four neighbouring pages, and what the memory must tell about them.
struct PageChunk {
    /// What each page holds.
    var holdings = [PageHolding](repeating: .absent, count: 64)
    /// Pages that changed since they were last observed: one bit for each page.
    var changed: UInt64 = 0
    /// Pages that existed when they were last observed, or that were merged since.
    var known: UInt64 = 0

    /// Whether nothing is left to be kept. O(64)
    var isEmpty: Bool {
        changed == 0 && known == 0 && holdings.allSatisfy { if case .absent = $0 { true } else { false } }
    }

    /// What an observation tells of a page, `nil` for nothing; it counts as observed from then on. O(1)
    mutating func observe(_ offset: Int, tracksChanges: Bool) -> ObservedRun.State? {
        let bit: UInt64 = 1 << UInt64(offset)
        let hasChanged = changed & bit != 0
        let wasKnown = known & bit != 0
        changed &= ~bit
        switch holdings[offset] {
        case .own:
            known |= bit
            return hasChanged || !tracksChanges ? .changed : nil
        case .shared:
            known |= bit
            return hasChanged ? .changed : nil
        case .absent, .zeros:
            known &= ~bit
            return wasKnown || !tracksChanges ? .absent : nil
        }
    }

    /// Lets the next observation report what exists. O(64)
    mutating func forgetObservations(_ offsets: Range<UInt64>) {
        for offset in offsets where holdings[Int(offset)].exists { changed |= 1 << offset }
    }
}

/// The pages of one address space, in chunks that exist only where pages do: an area may be huge and full of holes.
struct PageTable {
    /// The chunks by number; chunk c holds the pages from 64c.
    private(set) var chunks: [UInt64: PageChunk] = [:]

    /// What a page holds. O(1)
    subscript(page: UInt64) -> PageHolding {
        chunks[page / 64]?.holdings[Int(page % 64)] ?? .absent
    }

    /// Puts something in the place of what a page holds. `changed` says whether the next observation tells. O(1)
    mutating func set(_ page: UInt64, to holding: PageHolding, changed: Bool) {
        let bit: UInt64 = 1 << (page % 64)
        var chunk = chunks.removeValue(forKey: page / 64) ?? PageChunk()
        chunk.holdings[Int(page % 64)] = holding
        if changed { chunk.changed |= bit } else { chunk.changed &= ~bit }
        if holding.exists && !changed { chunk.known |= bit }
        chunks[page / 64] = chunk
    }

    /// Edits the chunks that hold pages of a range, ascending, and drops those that have become empty.
    mutating func edit(_ pages: Range<UInt64>, _ body: (inout PageChunk, _ number: UInt64, Range<UInt64>) -> Void) {
        for number in chunkNumbers(covering: pages) {
            guard var chunk = chunks.removeValue(forKey: number) else { continue }
            let inside = pages.clamped(to: number * 64..<number * 64 + 64)
            body(&chunk, number, inside.lowerBound - number * 64..<inside.upperBound - number * 64)
            if !chunk.isEmpty { chunks[number] = chunk }
        }
    }

    /// The numbers of the chunks that hold pages of a range, ascending. O(smaller of the range and the table)
    private func chunkNumbers(covering pages: Range<UInt64>) -> [UInt64] {
        guard !pages.isEmpty else { return [] }
        let range = pages.lowerBound / 64...(pages.upperBound - 1) / 64
        return range.count < chunks.count
            ? range.filter { chunks[$0] != nil }
            : chunks.keys.filter(range.contains).sorted()
    }

    /// Every page that is not absent and what it holds, in no particular order. O(pages)
    var pages: [(page: UInt64, holding: PageHolding)] {
        chunks.flatMap { number, chunk in
            chunk.holdings.enumerated().compactMap { offset, holding in
                if case .absent = holding { nil } else { (number * 64 + UInt64(offset), holding) }
            }
        }
    }
}
