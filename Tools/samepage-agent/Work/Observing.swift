import CLinuxMemory

/// What is to be said of a page of one scan.
private enum Said {
    static var nothing: UInt8 { 0 }
    static var changed: UInt8 { 1 }
    static var discarded: UInt8 { 2 }
}

/// Answers which pages of an area may have changed: fills `buffers.runs` with at most `capacity` runs.
///
/// - Returns: The head of the answer, and the number of runs.
func observe(_ request: WireRange, capacity: Int) -> (head: WireObserved, runs: Int) {
    var head = WireObserved()
    var count = 0
    var next = request.start
    let end = request.start.addingReportingOverflow(request.count)
    guard !end.overflow else {
        head.error = UInt32(LM_EINVAL)
        return (head, 0)
    }
    while next < end.partialValue, count < capacity, head.error == 0 {
        next = withAgentLock {
            guard let range = unsafe ranges.find(area: request.area), unsafe range.isServed,
                unsafe work.remapper != nil
            else {
                head.error = UInt32(LM_ESRCH)
                return next
            }
            let last = unsafe min(end.partialValue, range.pointee.pageCount)
            // Beyond the end of the area there is nothing to say.
            guard next < last else { return end.partialValue }
            trap.news.take()
            unsafe resumeTracking(range)
            let piece = next..<(last - next <= AgentBuffers.scanLength ? last : next + AgentBuffers.scanLength)
            return unsafe observePiece(range, piece, capacity, &count, &head)
        }
        pauseForJobs()
    }
    head.pagesDone = next - request.start
    // What was found before an error is armed and must be told; the error comes again with the rest.
    if count > 0 { head.error = 0 }
    dropNewsFlag(request.area, reached: next)
    return (head, count)
}

/// Scans pages of a range, the lock being held. Returns how far the answer covers them.
private func observePiece(
    _ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>, _ capacity: Int, _ count: inout Int,
    _ head: inout WireObserved
) -> UInt32 {
    guard let remapper = unsafe work.remapper else { return pages.lowerBound }
    let tracked = unsafe trackedPart(range, pages)
    // SAFETY: the pages belong to the range; the buffer has that capacity.
    let scan = unsafe remapper.pointee.tracker.scan(
        range.memory(of: tracked.lowerBound), pageCount: tracked.count, into: buffers.tracked,
        capacity: AgentBuffers.trackedCapacity)
    head.systemCalls += UInt64(scan.systemCalls)
    if scan.error != 0 { head.error = UInt32(scan.error) }
    let covered = Int(tracked.lowerBound - pages.lowerBound) + min(scan.pagesDone, tracked.count)
    let hasNews = unsafe range.pointee.flags & AgentRange.hasNews != 0
    if covered == 0 || scan.runs == 0 && !hasNews { return pages.lowerBound + UInt32(covered) }

    let states = unsafe buffers.states
    // SAFETY: a piece has at most as many pages as there are states.
    unsafe lm_fill_zero(states, (covered + 7) & ~7)
    let scanned = pages.lowerBound..<pages.lowerBound + UInt32(covered)
    if hasNews { unsafe noteNews(range, scanned) }
    for place in 0..<scan.runs { unsafe noteWritten(range, buffers.tracked[place], scanned) }
    let said = emit(scanned, capacity, &count)
    if hasNews { unsafe forgetNews(range, scanned.lowerBound..<said) }
    // What was armed and does not fit is told the next time.
    for page in said..<scanned.upperBound {
        let state = unsafe states[Int(page - scanned.lowerBound)]
        guard state != Said.nothing else { continue }
        // SAFETY: pages of the range, under the lock.
        unsafe range.pointee.entries[Int(page)].isOrphaned = state == Said.changed
        unsafe range.pointee.entries[Int(page)].isDiscarded = state == Said.discarded
        unsafe range.raise(AgentRange.hasNews)
    }
    return said
}

/// The part of a piece up to the first wide gap that is worth a scan: pages that are not tracked count as written for
/// the kernel, and it looks at each of them every time.
private func trackedPart(_ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>) -> Range<UInt32> {
    guard unsafe range.pointee.flags & (AgentRange.hasGaps | AgentRange.hasNews) != 0 else { return pages }
    var first = pages.lowerBound
    while first < pages.upperBound, unsafe !range.entry(first).isMergeable { first += 1 }
    var end = first
    var next = first
    while next < pages.upperBound, next - end < widestGap {
        next += 1
        if unsafe range.entry(next - 1).isMergeable { end = next }
    }
    return first..<end
}

/// Pages of a gap that are not worth two scans.
private var widestGap: UInt32 { 64 }

/// Pages given back, and pages that the daemon does not know.
private func noteNews(_ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>) {
    for page in pages {
        let entry = unsafe range.entry(page)
        let place = Int(page - pages.lowerBound)
        // SAFETY: a state for each page.
        if entry.isDiscarded {
            unsafe buffers.states[place] = Said.discarded
        } else if entry.isOrphaned, entry.isMergeable {
            unsafe buffers.states[place] = Said.changed
        }
    }
}

/// Whether pages that were written since their merge are candidates again: only for a test that shows what that loses.
private var mergesRewritten: Bool {
    #if Mutants
        return unsafe agentSettings.mutants.contains(.trustsRewritten)
    #else
        return false
    #endif
}

/// Translates what the kernel says of neighbouring pages.
private func noteWritten(_ range: UnsafeMutablePointer<AgentRange>, _ run: TrackedRun, _ pages: Range<UInt32>) {
    // A page of a file is still its frame: only read, or just merged.
    guard run.isPresent, !run.isKernelZero, !run.isFile else { return }
    let base = unsafe UInt64(range.pointee.base)
    guard run.start >= base, run.end > run.start else { return }
    let start = max(pages.lowerBound, UInt32(truncatingIfNeeded: (run.start - base) >> 12))
    let end = min(pages.upperBound, UInt32(truncatingIfNeeded: (run.end - base) >> 12))
    var page = start
    while page < end {
        // SAFETY: a state for each page.
        // SAFETY: pages of the range, under the lock.
        let entry = unsafe range.pointee.entries + Int(page)
        let place = Int(page - pages.lowerBound)
        page += 1
        guard unsafe entry.pointee.isMergeable else { continue }
        if unsafe !entry.pointee.liesOverFrame || mergesRewritten {
            unsafe buffers.states[place] = Said.changed
        } else if unsafe !entry.pointee.isRewritten {
            // Nothing of it can be merged any more.
            unsafe entry.pointee.becomeRewritten()
            unsafe buffers.states[place] = Said.discarded
        }
    }
}

/// Makes runs of the states, while they fit. Returns the first page of which nothing was said.
private func emit(_ pages: Range<UInt32>, _ capacity: Int, _ count: inout Int) -> UInt32 {
    let states = unsafe buffers.states
    let length = pages.count
    var place = 0
    while place < length {
        // SAFETY: a state for each page, and zeros up to a multiple of 8.
        let state = unsafe states[place]
        if state == Said.nothing {
            let isAligned = place & 7 == 0
            let word = unsafe isAligned ? UnsafeRawPointer(states + place).load(as: UInt64.self) : 1
            place += word == 0 ? 8 : 1
            continue
        }
        var end = place + 1
        while end < length, unsafe states[end] == state { end += 1 }
        guard append(pages.lowerBound + UInt32(place), end - place, state, capacity, &count) else {
            return pages.lowerBound + UInt32(place)
        }
        place = end
    }
    return pages.upperBound
}

/// Adds a run to the answer, or lengthens the last; `false` when there is no room.
private func append(_ start: UInt32, _ length: Int, _ said: UInt8, _ capacity: Int, _ count: inout Int) -> Bool {
    let state: WireRun.State = said == Said.changed ? .changed : .discarded
    // SAFETY: `count` runs are there, and room for `capacity`.
    if count > 0 {
        let last = unsafe buffers.runs[count - 1]
        if last.state == state, last.start + last.count == start {
            let total = last.count + UInt32(length)
            unsafe buffers.runs[count - 1] = WireRun(start: last.start, count: total, state: state)
            return true
        }
    }
    guard count < capacity else { return false }
    unsafe buffers.runs[count] = WireRun(start: start, count: UInt32(length), state: state)
    count += 1
    return true
}

/// The answer says it: no news any more. An orphan that cannot merge now waits until it can.
private func forgetNews(_ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>) {
    for page in pages {
        // SAFETY: pages of the range, under the lock.
        let entry = unsafe range.pointee.entries + Int(page)
        unsafe entry.pointee.isDiscarded = false
        if unsafe entry.pointee.isMergeable { unsafe entry.pointee.isOrphaned = false }
    }
}

/// Takes the flag of a range whose last page was observed, if nothing is new in it any more. What the program changes
/// meanwhile raises it again.
private func dropNewsFlag(_ area: UInt32, reached: UInt32) {
    let found = withAgentLock { () -> (base: UInt, end: UInt)? in
        guard let range = unsafe ranges.find(area: area), unsafe range.pointee.flags & AgentRange.hasNews != 0,
            unsafe reached >= range.pointee.pageCount
        else { return nil }
        unsafe range.pointee.flags &= ~(AgentRange.hasNews | AgentRange.hasGaps)
        return unsafe (range.pointee.base, range.pointee.end)
    }
    guard let found else { return }
    unsafe forEachPiece(from: found.base, to: found.end, pieceLength: 8 * AgentBuffers.scanLength) { range, pages in
        guard unsafe range.pointee.area == area else { return false }
        for page in pages {
            let entry = unsafe range.entry(page)
            if !entry.isMergeable { unsafe range.raise(AgentRange.hasGaps) }
            // An orphan that cannot merge is no news until it can.
            if entry.isDiscarded || entry.isOrphaned && entry.isMergeable {
                unsafe range.raise(AgentRange.hasNews)
                return false
            }
        }
        return true
    }
}
