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
    /// A page that a fork made copy-on-write, by its number in ``ForkedPages``.
    case forked(UInt32)

    /// Whether the page holds content, its own or a frame's.
    var exists: Bool {
        switch self {
        case .absent, .zeros: false
        case .own, .shared, .forked: true
        }
    }
}

/// Sixty-four neighbouring pages, and what the memory must tell about them: one bit for each page.
struct PageChunk {
    /// What each page holds.
    var holdings = [PageHolding](repeating: .absent, count: 64)
    /// Pages that changed since they were last observed.
    var changed: UInt64 = 0
    /// Pages that existed when they were last observed, or that were merged since.
    var known: UInt64 = 0
    /// Pages of zeros that a merge gave back, and that ceased to be so since they were last observed.
    var discarded: UInt64 = 0
    /// Pages of zeros that were given back, and that the next observation tells of.
    var untoldZeros: UInt64 = 0
    /// Pages that map a frame, and no merge of their area put them there.
    var inherited: UInt64 = 0
    /// Of those, the pages to which a fork gave the frame.
    var forkedFrames: UInt64 = 0

    /// Whether nothing is left to be kept. O(64)
    var isEmpty: Bool {
        changed | known | discarded == 0 && holdings.allSatisfy { if case .absent = $0 { true } else { false } }
    }

    /// Puts something in the place of what a page holds, and returns that. O(1)
    mutating func set(_ offset: Int, to holding: PageHolding, changed hasChanged: Bool) -> PageHolding {
        let bit: UInt64 = 1 << UInt64(offset)
        let old = holdings[offset]
        holdings[offset] = holding
        if hasChanged { changed |= bit } else { changed &= ~bit }
        if holding.exists && !hasChanged { known |= bit }
        if case .zeros = old { discarded |= bit }
        untoldZeros &= ~bit
        if case .zeros = holding { discarded &= ~bit }
        inherited &= ~bit
        forkedFrames &= ~bit
        return old
    }

    /// What an observation tells of a page, `nil` for nothing; it counts as observed from then on. O(1)
    mutating func observe(_ offset: Int, isMergeable: Bool, tracksChanges: Bool) -> ObservedRun.State? {
        let bit: UInt64 = 1 << UInt64(offset)
        let hasChanged = changed & bit != 0
        let wasKnown = known & bit != 0
        let wasDiscarded = discarded & bit != 0
        changed &= ~bit
        discarded &= ~bit
        guard isMergeable else {
            known &= ~bit
            // Told when the page is mergeable again.
            if holdings[offset].exists { changed |= bit }
            return wasKnown || wasDiscarded ? .discarded : tracksChanges ? nil : .absent
        }
        switch holdings[offset] {
        case .own, .forked:
            known |= bit
            return hasChanged || !tracksChanges ? .changed : nil
        case .shared:
            known |= bit
            return hasChanged ? (forkedFrames & bit != 0 ? .inherited : .changed) : nil
        case .zeros where untoldZeros & bit != 0:
            untoldZeros &= ~bit
            known &= ~bit
            return .zeroed
        case .absent, .zeros:
            known &= ~bit
            return wasDiscarded ? .discarded : wasKnown || !tracksChanges ? .absent : nil
        }
    }

    /// Lets the next observation report what exists, and what was given back. O(64)
    mutating func forgetObservations(_ offsets: Range<UInt64>) {
        for offset in offsets {
            if holdings[Int(offset)].exists { changed |= 1 << offset }
            if case .zeros = holdings[Int(offset)] { untoldZeros |= 1 << offset }
        }
    }

    /// Lets no observation tell of what was. O(64)
    mutating func forgetPast(_ offsets: Range<UInt64>) {
        for offset in offsets {
            known &= ~(1 << offset)
            discarded &= ~(1 << offset)
        }
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

    /// Puts something in the place of what a page holds, and returns that. `changed` says whether the next observation
    /// tells. O(1)
    mutating func set(_ page: UInt64, to holding: PageHolding, changed: Bool) -> PageHolding {
        chunks[page / 64, default: PageChunk()].set(Int(page % 64), to: holding, changed: changed)
    }

    /// Adds a chunk that is not there yet.
    mutating func add(_ chunk: PageChunk, number: UInt64) {
        chunks[number] = chunk
    }

    /// Edits the chunks that hold pages of a range, ascending, and drops those that have become empty.
    mutating func edit(_ pages: Range<UInt64>, _ body: (inout PageChunk, _ number: UInt64, Range<UInt64>) -> Void) {
        for number in chunkNumbers(covering: pages) {
            guard var chunk = chunks.removeValue(forKey: number) else { continue }
            body(&chunk, number, Self.offsets(of: pages, in: number))
            if !chunk.isEmpty { chunks[number] = chunk }
        }
    }

    /// The pages of a range that are not absent, ascending. O(smaller of the range and the table)
    func pages(in range: Range<UInt64> = 0..<UInt64.max) -> [(page: UInt64, holding: PageHolding)] {
        var found: [(page: UInt64, holding: PageHolding)] = []
        for number in chunkNumbers(covering: range) {
            guard let chunk = chunks[number] else { continue }
            for offset in Self.offsets(of: range, in: number) {
                let holding = chunk.holdings[Int(offset)]
                if case .absent = holding { continue }
                found.append((number * 64 + offset, holding))
            }
        }
        return found
    }

    /// Whether a page maps a frame that no merge of its area gave it. O(1)
    func isInherited(_ page: UInt64) -> Bool {
        (chunks[page / 64]?.inherited ?? 0) & 1 << (page % 64) != 0
    }

    /// The places of a range of pages in a chunk that holds some of them.
    private static func offsets(of pages: Range<UInt64>, in number: UInt64) -> Range<UInt64> {
        let first = number * 64
        return max(pages.lowerBound, first) - first..<min(pages.upperBound - first, 64)
    }

    /// The numbers of the chunks that hold pages of a range, ascending. O(smaller of the range and the table)
    private func chunkNumbers(covering pages: Range<UInt64>) -> [UInt64] {
        guard !pages.isEmpty else { return [] }
        let range = pages.lowerBound / 64...(pages.upperBound - 1) / 64
        return range.count < chunks.count
            ? range.filter { chunks[$0] != nil }
            : chunks.keys.filter(range.contains).sorted()
    }
}
