import CLinuxMemory

/// Scans pages of a range for written ones, tracks them anew, and notes in `buffers.states` what is to be said of each.
/// The lock is held; the states are zeros.
///
/// - Parameter first: The page of the first state.
/// - Returns: How many pages were covered from the start, and the system calls and the error of that.
func scanPages(
    _ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>, statesFrom first: UInt32
) -> TrackerScan {
    var answer = TrackerScan(runs: 0, pagesDone: 0, systemCalls: 0, error: 0)
    guard let remapper = unsafe work.remapper else { return answer }
    if unsafe range.pointee.flags & AgentRange.hasUntracked != 0 {
        return unsafe scanAround(range, pages, first, remapper)
    }
    // SAFETY: the pages belong to the range; the buffer has that capacity.
    answer = unsafe remapper.pointee.tracker.scan(
        range.memory(of: pages.lowerBound), pageCount: pages.count, into: buffers.tracked,
        capacity: AgentBuffers.trackedCapacity)
    for place in 0..<answer.runs { unsafe noteTracked(range, buffers.tracked[place], pages, first) }
    return answer
}

/// The same where some pages are not to be tracked: what was written is listed first, and then tracked around those.
private func scanAround(
    _ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>, _ first: UInt32,
    _ remapper: UnsafeMutablePointer<Remapper>
) -> TrackerScan {
    let capacity = AgentBuffers.trackedCapacity / 2
    // SAFETY: the pages belong to the range; the first half of the buffer has that capacity.
    var answer = unsafe remapper.pointee.tracker.list(
        range.memory(of: pages.lowerBound), pageCount: pages.count, into: buffers.tracked, capacity: capacity)
    let listed = answer.runs
    var span = SpanToTrack(limit: pages.lowerBound + UInt32(answer.pagesDone))
    for place in 0..<listed {
        // SAFETY: so many runs were filled in.
        let run = unsafe buffers.tracked[place]
        for page in unsafe range.pages(of: run, within: pages) {
            if unsafe isLeftUntracked(range, page, run, first) {
                unsafe track(span.end(), of: range, remapper, first, &answer)
            } else if let complete = span.add(page) {
                unsafe track(complete, of: range, remapper, first, &answer)
            }
        }
    }
    unsafe track(span.end(), of: range, remapper, first, &answer)
    return answer
}

/// Pages that are tracked by one call, a few unwritten ones among them included.
private struct SpanToTrack {
    private var start: UInt32 = 0
    private var last: UInt32 = 0
    private var isOpen = false
    private let limit: UInt32

    init(limit: UInt32) { self.limit = limit }

    /// Unwritten pages that are not worth two calls.
    private static var widestGap: UInt32 { 32 }

    /// Adds a page; answers the pages before it if they are too far away.
    mutating func add(_ page: UInt32) -> Range<UInt32>? {
        guard page < limit else { return nil }
        if isOpen, page - last <= Self.widestGap {
            last = page
            return nil
        }
        let complete = end()
        (start, last, isOpen) = (page, page, true)
        return complete
    }

    /// Ends the span, and answers its pages.
    mutating func end() -> Range<UInt32> {
        defer { isOpen = false }
        return isOpen ? start..<last + 1 : 0..<0
    }
}

/// Tracks pages of a range anew, and notes those that were written.
private func track(
    _ span: Range<UInt32>, of range: UnsafeMutablePointer<AgentRange>, _ remapper: UnsafeMutablePointer<Remapper>,
    _ first: UInt32, _ answer: inout TrackerScan
) {
    let capacity = AgentBuffers.trackedCapacity / 2
    var next = span.lowerBound
    while next < span.upperBound {
        // SAFETY: the pages belong to the range; the second half of the buffer has that capacity.
        let found = unsafe buffers.tracked + capacity
        let scan = unsafe remapper.pointee.tracker.armWritten(
            range.memory(of: next), pageCount: Int(span.upperBound - next), into: found, capacity: capacity)
        answer.systemCalls += scan.systemCalls
        for place in 0..<scan.runs { unsafe noteTracked(range, found[place], span, first) }
        // Pages that could not be tracked are found written again.
        guard scan.error == 0, scan.pagesDone > 0 else { return }
        next += UInt32(scan.pagesDone)
    }
}

/// Whether a page that was found written is not tracked, because it is written all the time or can never merge.
private func isLeftUntracked(
    _ range: UnsafeMutablePointer<AgentRange>, _ page: UInt32, _ run: TrackedRun, _ first: UInt32
) -> Bool {
    guard run.holdsWritten else { return false }
    // SAFETY: pages of the range, under the lock.
    let entry = unsafe range.pointee.entries + Int(page)
    guard unsafe entry.pointee.isMergeable else { return false }
    if unsafe entry.pointee.liesOverFrame {
        // SAFETY: a state for each page.
        unsafe noteRewritten(entry, &buffers.states[Int(page - first)])
        // Tracked from time to time: one that nobody writes any more costs no look.
        guard unsafe entry.pointee.isRewritten, unsafe !range.pointee.scans.isTurn(of: PageWrites.highestLevel) else {
            return false
        }
        unsafe range.pointee.scans.mustLookAgain = true
        return true
    }
    switch unsafe entry.pointee.noteWritten(range.pointee.scans, isTracked: false) {
    case .changed, .tried, .known: return false
    case .left: return true
    case .hot:
        unsafe buffers.states[Int(page - first)] = Said.hot
        return true
    }
}

/// A page over a frame was written.
@unsafe
private func noteRewritten(_ entry: UnsafeMutablePointer<PageEntry>, _ state: inout UInt8) {
    // SAFETY: the caller's entry.
    if unsafe entry.pointee.isRewritten { return }
    if mergesRewritten {
        state = Said.changed
    } else {
        // Nothing of it can be merged any more.
        unsafe entry.pointee.becomeRewritten()
        state = Said.discarded
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

/// Translates what the kernel says of neighbouring pages that it tracks anew.
private func noteTracked(
    _ range: UnsafeMutablePointer<AgentRange>, _ run: TrackedRun, _ pages: Range<UInt32>, _ first: UInt32
) {
    guard run.holdsWritten else { return }
    var isAnyUntracked = false
    for page in unsafe range.pages(of: run, within: pages) {
        // SAFETY: a state for each page.
        let state = unsafe buffers.states + Int(page - first)
        // SAFETY: pages of the range, under the lock.
        let entry = unsafe range.pointee.entries + Int(page)
        guard unsafe entry.pointee.isMergeable else { continue }
        if unsafe entry.pointee.liesOverFrame {
            unsafe noteRewritten(entry, &state.pointee)
            isAnyUntracked = true
            continue
        }
        switch unsafe entry.pointee.noteWritten(range.pointee.scans, isTracked: true) {
        case .changed: unsafe state.pointee = Said.changed
        case .hot:
            unsafe state.pointee = Said.hot
            isAnyUntracked = true
        case .tried, .left: isAnyUntracked = true
        case .known: break
        }
    }
    if isAnyUntracked { unsafe range.raise(AgentRange.hasUntracked) }
}

/// Finds pages that nobody wrote while they were tried, and counts those that rest. Whether there is anything to say.
///
/// - Parameter pages: Those that were covered; the states begin with the first.
func noteScanned(_ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>) -> Bool {
    guard unsafe range.pointee.flags & AgentRange.hasUntracked != 0 else { return false }
    var isAny = false
    // SAFETY: the range is the caller's, under the lock.
    unsafe range.pointee.scans.comeOver(pages)
    for page in pages {
        // SAFETY: pages of the range, under the lock, and a state for each.
        guard unsafe range.pointee.entries[Int(page)].noteScan(&range.pointee.scans) else { continue }
        unsafe buffers.states[Int(page - pages.lowerBound)] = Said.changed
        isAny = true
    }
    if unsafe range.pointee.scans.endsPass(at: range.pointee.pageCount) {
        // The next pass is as plain as the first.
        unsafe range.pointee.flags &= ~AgentRange.hasUntracked
    }
    return isAny
}

extension TrackedRun {
    /// The pages hold what the program wrote: a page of a file is still its frame, only read or just merged.
    var holdsWritten: Bool { isPresent && !isKernelZero && !isFile }
}

extension UnsafeMutablePointer where Pointee == AgentRange {
    /// The places of the pages of a run, in as far as they are among some pages.
    func pages(of run: TrackedRun, within pages: Range<UInt32>) -> Range<UInt32> {
        let base = unsafe UInt64(pointee.base)
        guard run.start >= base, run.end > run.start else { return 0..<0 }
        let start = max(pages.lowerBound, UInt32(truncatingIfNeeded: (run.start - base) >> 12))
        let end = min(pages.upperBound, UInt32(truncatingIfNeeded: (run.end - base) >> 12))
        return start < end ? start..<end : 0..<0
    }
}
