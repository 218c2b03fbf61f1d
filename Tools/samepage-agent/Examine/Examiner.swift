internal import CLinuxMemory

/// Decides for the parts of ranges that lie in one mapping. The lock is held.
struct Examiner {
    let entry: MapEntry
    /// What is against the mapping.
    let refusal: WireReason?
    /// The generation when the examination began.
    let started: UInt32

    /// Decides for the pages between two addresses of the mapping, and counts those refused.
    func examine(_ start: UInt, _ end: UInt, _ refused: inout Refusals) {
        unsafe ranges.forEachPart(start, end) { range, first, last in
            if unsafe isUnchanged(range, since: started) {
                unsafe decide(range, first, last, &refused)
            } else if let refusal {
                unsafe count(range, first, last, refusal, &refused)
            }
        }
    }

    private func decide(
        _ range: UnsafeMutablePointer<AgentRange>, _ first: Int, _ last: Int, _ refused: inout Refusals
    ) {
        unsafe compareWithMap(range, first, last)
        if let refusal { return unsafe refuse(range, first, last, refusal, &refused) }
        // The first part that fits says which advice the range has.
        if unsafe range.pointee.area != 0 && range.pointee.advice != entry.advice {
            guard unsafe isUnused(range) else { return unsafe refuse(range, first, last, .mixedAdvice, &refused) }
            unsafe range.pointee.advice = entry.advice
        }
        let base = unsafe range.pointee.base
        let end = base + UInt(last) << 12
        var address = base + UInt(first) << 12
        while address < end {
            let own = ownMappings.nextOwn(from: address, limit: end)
            unsafe refuse(range, place(address, base), place(own, base), .notMappedByProgram, &refused)
            address = ownMappings.endOfOwn(from: own, limit: end)
            unsafe admit(range, place(own, base), place(address, base), &refused)
        }
    }

    /// Whether no page of a range is merged or mergeable: the advice that it had is of memory that is no more.
    private func isUnused(_ range: UnsafeMutablePointer<AgentRange>) -> Bool {
        // SAFETY: places of the range's own pages.
        for page in 0..<Int(unsafe range.pointee.pageCount) {
            let entry = unsafe range.pointee.entries[page]
            if entry.isMergeable || entry.liesOverFrame { return false }
        }
        return true
    }

    private func place(_ address: UInt, _ base: UInt) -> Int { Int((address - base) >> 12) }

    /// Where the map and the table differ, the program has mapped behind libc's back: the map is right.
    private func compareWithMap(_ range: UnsafeMutablePointer<AgentRange>, _ first: Int, _ last: Int) {
        let entries = unsafe range.pointee.entries
        for page in first..<last {
            // SAFETY: places of the range's own pages.
            let liesOverFrame = unsafe entries[page].liesOverFrame
            if liesOverFrame == entry.isSegment { continue }
            if liesOverFrame {
                unsafe entries[page].becomeAnonymous()
                unsafe range.pointee.flags |= AgentRange.lacksTracking
            } else {
                unsafe entries[page].bits |= PageEntry.foreignFrame
            }
            unsafe entries[page].isDiscarded = true
            unsafe range.pointee.flags |= AgentRange.hasNews
        }
    }

    /// Pages that can be merged: they are tracked from now on.
    private func admit(
        _ range: UnsafeMutablePointer<AgentRange>, _ first: Int, _ last: Int, _ refused: inout Refusals
    ) {
        var page = first
        while page < last {
            let isNew = unsafe range.pointee.area == 0
            // SAFETY: places of the range's own pages.
            guard unsafe isCandidate(range.pointee.entries[page], isNew) else {
                page += 1
                continue
            }
            var end = page + 1
            while unsafe end < last && isCandidate(range.pointee.entries[end], isNew) { end += 1 }
            let address = unsafe range.pointee.base + UInt(page) << 12
            // Tracked anew, every page that holds something counts as written.
            if !isNew { untrack(address, end - page) }
            let result = track(address, end - page)
            if result == 0 {
                if isNew { unsafe begin(range) }
                for fit in page..<end { unsafe range.pointee.entries[fit].becomeFit() }
                unsafe range.pointee.flags |= AgentRange.hasNews
            } else {
                unsafe refuse(range, page, end, Self.reason(of: result), &refused)
            }
            page = end
        }
    }

    /// Whether a page waits to be admitted.
    private func isCandidate(_ entry: PageEntry, _ isNew: Bool) -> Bool { !entry.isGone && (isNew || entry.isUnfit) }

    /// The first pages of a range can be merged: it gets its number and its advice, and all of its other pages are
    /// unfit until they have been decided for.
    private func begin(_ range: UnsafeMutablePointer<AgentRange>) {
        // SAFETY: places of the range's own pages.
        let count = unsafe Int(range.pointee.pageCount)
        for page in 0..<count where unsafe !range.pointee.entries[page].isGone {
            unsafe range.pointee.entries[page].isUnfit = true
        }
        unsafe range.pointee.advice = entry.advice
        unsafe ranges.number(range)
    }

    /// Pages that cannot be merged.
    private func refuse(
        _ range: UnsafeMutablePointer<AgentRange>, _ first: Int, _ last: Int, _ reason: WireReason,
        _ refused: inout Refusals
    ) {
        unsafe count(range, first, last, reason, &refused)
        guard unsafe range.pointee.area != 0 else { return }
        // SAFETY: places of the range's own pages.
        for page in first..<last {
            let entry = unsafe range.pointee.entries[page]
            if entry.isGone || entry.isUnfit { continue }
            unsafe range.pointee.entries[page].isUnfit = true
            unsafe range.pointee.entries[page].isDiscarded = true
            unsafe range.pointee.flags |= AgentRange.hasNews
        }
    }

    private func count(
        _ range: UnsafeMutablePointer<AgentRange>, _ first: Int, _ last: Int, _ reason: WireReason,
        _ refused: inout Refusals
    ) {
        // SAFETY: places of the range's own pages.
        for page in first..<last where unsafe !range.pointee.entries[page].isGone { refused[reason] += 4096 }
    }

    /// What an error of the tracker means.
    private static func reason(of result: Int32) -> WireReason {
        switch -result {
        case Int32(LM_EBUSY): .userfaultInUse
        case Int32(LM_ENOMEM): .outOfResources
        default: .specialKind
        }
    }
}
