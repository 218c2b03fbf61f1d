internal import CLinuxMemory

extension RangeTable {
    /// Calls `body` for the part of each range that lies between two addresses: the range and its first and last
    /// page (exclusive) there. Ranges may not be added or removed meanwhile.
    func forEachPart(
        _ start: UInt, _ end: UInt, _ body: (UnsafeMutablePointer<AgentRange>, Int, Int) -> Void
    ) {
        guard start < end else { return }
        var position = firstPosition(endingAfter: start)
        while position < count {
            // SAFETY: a range of the table.
            let range = unsafe self[position]
            let base = unsafe range.pointee.base
            let rangeEnd = unsafe range.pointee.end
            guard base < end else { return }
            let first = start > base ? Int((start - base) >> 12) : 0
            let last = Int((min(end, rangeEnd) - base) >> 12)
            unsafe body(range, first, last)
            position += 1
        }
    }

    /// Whether any range has a part between two addresses.
    func touches(_ start: UInt, _ end: UInt) -> Bool {
        let position = firstPosition(endingAfter: start)
        return unsafe position < count && self[position].pointee.base < end
    }

    /// The first part of a range from an address on.
    func knownRun(from address: UInt, limit: UInt) -> (start: UInt, end: UInt)? {
        let position = firstPosition(endingAfter: address)
        guard position < count else { return nil }
        // SAFETY: a range of the table.
        let start = unsafe max(address, self[position].pointee.base)
        return unsafe start < limit ? (start, min(limit, self[position].pointee.end)) : nil
    }

    /// Whether any page between two addresses lies over a frame.
    func hasFrames(_ start: UInt, _ end: UInt) -> Bool {
        var found = false
        unsafe forEachPart(start, end) { range, first, last in
            if unsafe found || !range.pointee.mayHaveFrames { return }
            // SAFETY: places of the range's own pages.
            for page in first..<last where unsafe range.pointee.entries[page].liesOverFrame {
                found = true
                return
            }
        }
        return found
    }

    /// The pages between two addresses were unmapped or replaced: nothing of them is left. Pages already gone are no
    /// news.
    func markUnmapped(_ start: UInt, _ end: UInt) {
        var isNews = false
        unsafe forEachPart(start, end) { range, first, last in
            var isChanged = false
            // SAFETY: places of the range's own pages.
            for page in first..<last where unsafe range.pointee.entries[page].isKept {
                var entry = PageEntry.fresh
                entry.isGone = true
                entry.isDiscarded = true
                unsafe range.pointee.entries[page] = entry
                isChanged = true
            }
            guard isChanged else { return }
            unsafe noteChange(range)
            isNews = true
        }
        guard isNews else { return }
        settle(start, end)
        // The daemon hears of it also while it asks for nothing.
        ringDoorbellOnce()
    }

    /// Whether any page between two addresses is wanted, or lies over a frame.
    func keepsAny(_ start: UInt, _ end: UInt) -> Bool {
        var found = false
        unsafe forEachPart(start, end) { range, first, last in
            guard !found else { return }
            // SAFETY: places of the range's own pages.
            for page in first..<last where unsafe range.pointee.entries[page].isKept {
                found = true
                return
            }
        }
        return found
    }

    /// The program does not want the pages between two addresses merged any more. What lies over a frame still does.
    func markUnwanted(_ start: UInt, _ end: UInt) {
        unsafe forEachPart(start, end) { range, first, last in
            // SAFETY: places of the range's own pages.
            for page in first..<last {
                unsafe range.pointee.entries[page].isGone = true
                unsafe range.pointee.entries[page].isDiscarded = true
            }
            unsafe noteChange(range)
        }
        settle(start, end)
    }

    /// The pages between two addresses cannot be merged as they are now; `retry`: the agent's thread looks at them
    /// again.
    func markUnfit(_ start: UInt, _ end: UInt, retry: Bool) {
        unsafe forEachPart(start, end) { range, first, last in
            // Nothing is examined there yet: that the next examination takes them is enough.
            if unsafe range.pointee.area != 0 {
                for page in first..<last {
                    // SAFETY: places of the range's own pages.
                    let entry = unsafe range.pointee.entries[page]
                    // Those over frames also where they are not wanted any more: they still have to be replaced.
                    if entry.isGone, !entry.liesOverFrame { continue }
                    unsafe range.pointee.entries[page].isUnfit = true
                    unsafe range.pointee.entries[page].isDiscarded = true
                }
            } else {
                for page in first..<last where unsafe range.pointee.entries[page].liesOverFrame {
                    unsafe range.pointee.entries[page].isUnfit = true
                }
            }
            unsafe noteChange(range)
            if retry { unsafe examineLater(range) }
        }
    }

    /// The pages between two addresses are to be looked at again: those that are unfit may be fit now.
    func markForExamination(_ start: UInt, _ end: UInt) {
        unsafe forEachPart(start, end) { range, _, _ in
            unsafe noteChange(range)
            unsafe examineLater(range)
        }
    }

    /// The pages between two addresses were given back: they hold zeros now.
    ///
    /// - Parameter isReplaced: Whether they lie in a new anonymous mapping, which nobody tracks yet.
    func markDiscarded(_ start: UInt, _ end: UInt, isReplaced: Bool) {
        unsafe forEachPart(start, end) { range, first, last in
            if unsafe range.pointee.area == 0 && !isReplaced { return }
            // SAFETY: places of the range's own pages.
            for page in first..<last {
                if isReplaced { unsafe range.pointee.entries[page].becomeAnonymous() }
                unsafe range.pointee.entries[page].isDiscarded = true
            }
            unsafe range.pointee.flags |= AgentRange.hasNews
            guard isReplaced else { return }
            // Whoever reads the kernel's map now may still find the frames there.
            unsafe noteChange(range)
            unsafe range.pointee.flags |= AgentRange.lacksTracking
        }
        if isReplaced { settle(start, end) }
    }

    /// A range's memory changed: who looked at it without the lock looks again.
    func noteChange(_ range: UnsafeMutablePointer<AgentRange>) {
        // SAFETY: a range of the table.
        unsafe range.pointee.generation = nextGeneration()
        unsafe range.pointee.flags |= AgentRange.hasNews
    }

    /// The agent's thread is to look at a range.
    func examineLater(_ range: UnsafeMutablePointer<AgentRange>) {
        // SAFETY: a range of the table.
        unsafe range.pointee.flags |= AgentRange.needsExamination
        unsafe lm_atomic_store(&rangesToExamine, 1)
    }

    /// Lets ranges go of which no page is wanted and none lies over a frame: at once where the daemon has never
    /// known them.
    func settle(_ start: UInt, _ end: UInt) {
        var position = firstPosition(endingAfter: start)
        while position < count {
            // SAFETY: a range of the table.
            let range = unsafe self[position]
            guard unsafe range.pointee.base < end else { return }
            if unsafe !isOver(range) {
                position += 1
            } else if unsafe range.pointee.area == 0 {
                unsafe remove(range)
            } else {
                unsafe range.pointee.flags |= AgentRange.isLeaving
                position += 1
            }
        }
    }

    private func isOver(_ range: UnsafeMutablePointer<AgentRange>) -> Bool {
        // SAFETY: places of the range's own pages.
        for page in 0..<Int(unsafe range.pointee.pageCount) {
            let entry = unsafe range.pointee.entries[page]
            if entry.isKept { return false }
        }
        return true
    }
}

extension AgentRange {
    /// Whether a page may lie over a frame: not before the range was examined, unless it was moved here.
    var mayHaveFrames: Bool { area != 0 || flags & AgentRange.hasNews != 0 }
}

extension PageEntry {
    /// The page can be merged (again). One that still is its frame does not count as written, and is made known so.
    mutating func becomeFit() {
        isUnfit = false
        writes = nil
        guard liesOverFrame else { return }
        isDiscarded = false
        isOrphaned = true
    }

    /// The page lies over no frame any more.
    mutating func becomeAnonymous() {
        frame = nil
        isOrphaned = false
    }
}
