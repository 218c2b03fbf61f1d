import CLinuxMemory

/// What is to be said of a page of one scan.
enum Said {
    static var nothing: UInt8 { 0 }
    static var changed: UInt8 { 1 }
    static var discarded: UInt8 { 2 }
    static var hot: UInt8 { 3 }
}

/// Answers which pages of an area may have changed: fills `buffers.runs` with at most `capacity` runs.
///
/// - Returns: The head of the answer, and the number of runs.
func observe(_ request: WireRange, capacity: Int) -> (head: WireObserved, runs: Int) {
    NewsSign.takeBack()
    let time = now()
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
            if next == 0 { unsafe range.pointee.scans.begin(at: time) }
            let piece = next..<(last - next <= AgentBuffers.scanLength ? last : next + AgentBuffers.scanLength)
            return unsafe observePiece(range, piece, capacity, &count, &head)
        }
        pauseForJobs()
    }
    head.pagesDone = next - request.start
    // What was found before an error is armed and must be told; the error comes again with the rest.
    if count > 0 { head.error = 0 }
    dropNewsFlag(request.area, reached: next)
    // A daemon that does not know of hot pages takes both for system calls.
    if link.settings.flags & WireSettings.leaveHot != 0 {
        head.nextTick = UInt16(truncatingIfNeeded: ticksUntilNews(request.area))
        head.cpuMicroseconds = UInt32(truncatingIfNeeded: lm_kernel_clock(Int32(LM_CLOCK_THREAD_CPU)) / 1000)
    }
    return (head, count)
}

/// Scans pages of a range, the lock being held. Returns how far the answer covers them.
private func observePiece(
    _ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>, _ capacity: Int, _ count: inout Int,
    _ head: inout WireObserved
) -> UInt32 {
    let states = unsafe buffers.states
    // SAFETY: a piece has at most as many pages as there are states.
    unsafe lm_fill_zero(states, (pages.count + 7) & ~7)
    let hasNews = unsafe range.pointee.flags & AgentRange.hasNews != 0
    if hasNews { unsafe noteNews(range, pages) }
    let tracked = unsafe trackedPart(range, pages)
    let scan = unsafe scanPages(range, tracked, statesFrom: pages.lowerBound)
    head.systemCalls &+= UInt16(truncatingIfNeeded: scan.systemCalls)
    if scan.error != 0 { head.error = UInt32(scan.error) }
    let covered = Int(tracked.lowerBound - pages.lowerBound) + min(scan.pagesDone, tracked.count)
    let scanned = pages.lowerBound..<pages.lowerBound + UInt32(covered)
    let isAnyQuiet = unsafe noteScanned(range, scanned)
    if covered == 0 || scan.runs == 0 && !hasNews && !isAnyQuiet { return scanned.upperBound }
    let said = emit(scanned, capacity, &count)
    if hasNews { unsafe forgetNews(range, scanned.lowerBound..<said) }
    // What was armed and does not fit is told the next time.
    for page in said..<scanned.upperBound {
        let state = unsafe states[Int(page - scanned.lowerBound)]
        guard state != Said.nothing else { continue }
        // SAFETY: pages of the range, under the lock.
        unsafe range.pointee.entries[Int(page)].isOrphaned = state != Said.discarded
        if state == Said.hot { unsafe range.pointee.entries[Int(page)].writes = nil }
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
            // SAFETY: pages of the range, under the lock.
            unsafe range.pointee.entries[Int(page)].writes = nil
            unsafe buffers.states[place] = Said.discarded
        } else if entry.isOrphaned, entry.isMergeable {
            unsafe buffers.states[place] = Said.changed
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
    let state: WireRun.State = said == Said.changed ? .changed : said == Said.hot ? .hot : .discarded
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

/// After how many ticks an area has to be observed again, whatever its program does; 0 for no need.
private func ticksUntilNews(_ area: UInt32) -> UInt32 {
    withAgentLock {
        guard let range = unsafe ranges.find(area: area) else { return 1 }
        if unsafe range.pointee.flags & AgentRange.isNews != 0 { return 1 }
        return unsafe range.pointee.scans.ticksUntilTurn
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
