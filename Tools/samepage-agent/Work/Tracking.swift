import CLinuxMemory

/// Begins to track fit pages, and to trap writes to those over frames: 0, or minus an error number. The lock is held.
func track(_ base: UInt, _ pageCount: Int) -> Int32 {
    guard let remapper = unsafe work.remapper else { return -Int32(LM_EINVAL) }
    var result: Int32 = 0
    unsafe forEachKind(base, pageCount) { range, pages, areFrames in
        let memory = unsafe range.memory(of: pages.lowerBound)
        if areFrames, trap.isOn {
            // The mode may have been another one when it was registered.
            try? unsafe remapper.pointee.tracker.untrack(memory, pageCount: pages.count)
            // SAFETY: the caller's pages are mapped; protecting them changes no byte.
            let armed = unsafe remapper.pointee.arm(memory, pageCount: pages.count)
            if armed != 0 { result = armed }
            return unsafe range.findRewritten(pages)
        }
        do throws(RemapError) {
            // SAFETY: as above.
            try unsafe remapper.pointee.tracker.track(memory, pageCount: pages.count)
        } catch {
            result = -error.code
        }
    }
    return result
}

/// Ends the tracking of pages that are mapped.
func untrack(_ base: UInt, _ pageCount: Int) {
    guard let remapper = unsafe work.remapper else { return }
    unsafe forEachKind(base, pageCount) { range, pages, areFrames in
        let memory = unsafe range.memory(of: pages.lowerBound)
        if areFrames { unsafe remapper.pointee.disarm(memory, pageCount: pages.count) }
        // Where it fails nothing is tracked, or more than necessary: both do no harm.
        // SAFETY: as above.
        try? unsafe remapper.pointee.tracker.untrack(memory, pageCount: pages.count)
    }
}

/// Calls `body` for each run of pages that all lie over frames, or all do not: at once if nothing is trapped. The lock is held.
private func forEachKind(
    _ base: UInt, _ pageCount: Int, _ body: (UnsafeMutablePointer<AgentRange>, Range<UInt32>, Bool) -> Void
) {
    unsafe ranges.forEachPart(base, base + UInt(pageCount) << 12) { range, first, last in
        var page = UInt32(first)
        while page < UInt32(last) {
            let areFrames = unsafe range.entry(page).liesOverFrame
            var end = page + 1
            while end < UInt32(last), unsafe !trap.isOn || range.entry(end).liesOverFrame == areFrames { end += 1 }
            unsafe body(range, page..<end, areFrames)
            page = end
        }
    }
}

/// Tracks the mergeable pages of a part of a range; what cannot be tracked now is tried again before the next
/// observation.
///
/// - Parameter anew: Whether every page is to count as written.
func trackMergeable(_ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>, anew: Bool) {
    var page = pages.lowerBound
    while page < pages.upperBound {
        let end = unsafe range.endOfMergeable(from: page, limit: pages.upperBound)
        if end > page {
            let base = unsafe range.address(of: page)
            if anew {
                untrack(base, Int(end - page))
                // SAFETY: pages of the range, under the lock.
                for each in page..<end { unsafe range.pointee.entries[Int(each)].writes = nil }
            }
            if track(base, Int(end - page)) != 0 { unsafe range.raise(AgentRange.lacksTracking) }
        }
        page = end + 1
    }
}

/// Tracks again where tracking was lost, before a range is scanned.
func resumeTracking(_ range: UnsafeMutablePointer<AgentRange>) {
    guard unsafe range.pointee.flags & AgentRange.lacksTracking != 0 else { return }
    unsafe range.pointee.flags &= ~AgentRange.lacksTracking
    unsafe trackMergeable(range, 0..<range.pointee.pageCount, anew: false)
}

/// Lets every page between two addresses that holds something of its own count as changed at the next observation.
func forgetObservations(base: UInt, end: UInt) {
    unsafe forEachPiece(from: base, to: end, pieceLength: AgentBuffers.scanLength) { range, pages in
        guard unsafe range.isServed else { return true }
        unsafe trackMergeable(range, pages, anew: true)
        return true
    }
}

/// The daemon has gone, or never was: pages that lie over frames are news for the next one.
///
/// - Parameter foreign: Whether their frames belong to a store that is gone.
func makeOrphans(foreign: Bool) {
    unsafe forEachPiece(pieceLength: AgentBuffers.scanLength) { range, pages in
        for page in pages {
            // SAFETY: pages of the range, under the lock.
            let entry = unsafe range.pointee.entries + Int(page)
            if unsafe entry.pointee.isRewritten { continue }
            if unsafe entry.pointee.liesOverFrame {
                if foreign { unsafe entry.pointee.makeForeign() }
                unsafe entry.pointee.isOrphaned = true
                unsafe range.raise(AgentRange.hasNews)
            } else {
                unsafe entry.pointee.isDiscarded = false
                // Who is asked next knows nothing of them, and in a child all count as written.
                unsafe entry.pointee.writes = nil
            }
        }
        return true
    }
}

/// Pages over frames of a segment whose number has gone to another segment: nobody can say any more which frames they
/// are.
func makeForeign(overSegment number: UInt32) {
    unsafe forEachPiece(pieceLength: AgentBuffers.scanLength) { range, pages in
        for page in pages where unsafe range.entry(page).frame.map({ $0 / WireLimit.framesOfSegment }) == number {
            // SAFETY: pages of the range, under the lock.
            unsafe range.pointee.entries[Int(page)].makeForeign()
        }
        return true
    }
}
