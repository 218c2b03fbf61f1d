/// A set of pages of one region, a bit each; no memory until there is one.
struct PageBits {
    private var words: [UInt64] = []
    private let pageCount: UInt32

    init(pageCount: UInt32) { self.pageCount = pageCount }

    /// How many pages are in it.
    var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    func contains(_ page: UInt32) -> Bool { !words.isEmpty && words[Int(page >> 6)] & 1 << UInt64(page & 63) != 0 }

    mutating func insert(_ page: UInt32) {
        if words.isEmpty { words = [UInt64](repeating: 0, count: (Int(pageCount) + 63) / 64) }
        words[Int(page >> 6)] |= 1 << UInt64(page & 63)
    }

    mutating func remove(_ page: UInt32) {
        if !words.isEmpty { words[Int(page >> 6)] &= ~(1 << UInt64(page & 63)) }
    }

    /// Forgets all.
    mutating func removeAll() { words = [] }

    /// Takes out the pages of a range, and answers them in runs.
    mutating func take(_ pages: Range<UInt32>) -> [Range<UInt32>] {
        guard !words.isEmpty else { return [] }
        var runs: [Range<UInt32>] = []
        var page = pages.lowerBound
        while page < pages.upperBound {
            let word = words[Int(page >> 6)] >> UInt64(page & 63)
            guard word != 0 else {
                page = (page | 63) + 1
                continue
            }
            page += UInt32(word.trailingZeroBitCount)
            guard page < pages.upperBound else { break }
            let length = UInt32((~(words[Int(page >> 6)] >> UInt64(page & 63))).trailingZeroBitCount)
            let end = min(page + min(length, 64 - page & 63), pages.upperBound)
            for done in page..<end { remove(done) }
            if let last = runs.last, last.upperBound == page {
                runs[runs.count - 1] = last.lowerBound..<end
            } else {
                runs.append(page..<end)
            }
            page = end
        }
        return runs
    }
}
