/// Runs something while nothing about the program's memory can change. Not nested.
func withAgentLock<Result>(_ body: () -> Result) -> Result {
    let isMine = AgentLock.acquire()
    defer { if isMine { AgentLock.release() } }
    return body()
}

/// Goes through the pages of all ranges between two addresses, by ascending address and piece by piece: under the lock
/// for one piece, so that the program never waits long. The pointer is valid during the call of `body` only.
///
/// - Parameters:
///   - pieceLength: Pages of a piece, at most.
///   - body: Says `false` to end.
func forEachPiece(
    from start: UInt = 0, to end: UInt = UInt.max, pieceLength: UInt32,
    _ body: (UnsafeMutablePointer<AgentRange>, Range<UInt32>) -> Bool
) {
    var cursor = start
    while cursor < end, unsafe doPiece(&cursor, end, pieceLength, { unsafe body($0, $1) ? $1.upperBound : nil }) {}
}

/// Does the first piece behind an address, and goes on behind it; `false` when there is none, or to end.
///
/// - Parameter body: The first page that it has not done; `nil` to end.
func doPiece(
    _ cursor: inout UInt, _ end: UInt, _ pieceLength: UInt32,
    _ body: (UnsafeMutablePointer<AgentRange>, Range<UInt32>) -> UInt32?
) -> Bool {
    let start = cursor
    var reached: UInt?
    withAgentLock {
        let position = ranges.firstPosition(endingAfter: start)
        guard position < ranges.count else { return }
        let range = unsafe ranges[position]
        // SAFETY: the table's pointers hold while the lock is held.
        let base = unsafe range.pointee.base
        guard base < end else { return }
        let first = UInt32((max(start, base) - base) >> 12)
        let beyond = unsafe min(end, range.pointee.end) - base
        let limit = UInt32((beyond + 4095) >> 12)
        guard first < limit else { return }
        let last = limit - first <= pieceLength ? limit : first + pieceLength
        guard let next = unsafe body(range, first..<last) else { return }
        reached = base + UInt(max(next, first + 1)) << 12
    }
    guard let reached else { return false }
    cursor = reached
    return true
}

extension UnsafeMutablePointer where Pointee == AgentRange {
    /// The entry of a page of the range.
    func entry(_ page: UInt32) -> PageEntry {
        // SAFETY: callers keep to the range's pages, and hold the lock.
        unsafe pointee.entries[Int(page)]
    }

    /// The address of a page of the range.
    func address(of page: UInt32) -> UInt { unsafe pointee.base + UInt(page) << 12 }

    /// The memory of a page of the range.
    func memory(of page: UInt32) -> UnsafeMutableRawPointer {
        // SAFETY: a range does not begin at 0.
        unsafe UnsafeMutableRawPointer(bitPattern: address(of: page)).unsafelyUnwrapped
    }

    /// Whether pages of the range may be read, tracked and merged at all.
    var isServed: Bool {
        unsafe pointee.area != 0 && pointee.flags & AgentRange.isLeaving == 0
    }

    /// Sets flags.
    func raise(_ flags: UInt32) { unsafe pointee.flags |= flags }

    /// The end of the run of mergeable pages that begins at a page; the page itself if it is not mergeable.
    func endOfMergeable(from page: UInt32, limit: UInt32) -> UInt32 {
        var end = page
        while end < limit, unsafe entry(end).isMergeable { end += 1 }
        return end
    }

    /// Whether a page and the one after it are in different map entries, as far as merging made them.
    private func isBoundary(after page: UInt32) -> Bool {
        let (left, right) = unsafe (entry(page), entry(page + 1))
        if let frame = left.frame { return right.frame != frame + 1 }
        return left.liesOverFrame != right.liesOverFrame || right.frame != nil
    }

    /// The number of borders between map entries inside a run of pages and at its two ends.
    func boundaries(around pages: Range<UInt32>) -> Int {
        var count = 0
        var page = pages.lowerBound == 0 ? 0 : pages.lowerBound - 1
        let last = unsafe min(pages.upperBound, pointee.pageCount - 1)
        while page < last {
            if unsafe isBoundary(after: page) { count += 1 }
            page += 1
        }
        return count
    }
}
