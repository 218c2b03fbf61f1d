import CLinuxMemory

/// Finds out which areas have nothing to tell, with a look at each that changes nothing: sets `buffers.states` to what is said
/// of each. One request for all of them costs a fraction of an observation each.
///
/// - Parameter count: At most ``WireLimit/areasOfMessage``, fewer than there are states.
func findQuiet(_ areas: UnsafePointer<UInt32>, count: Int) -> WireQuiet {
    NewsSign.takeBack()
    let time = now()
    let start = lm_kernel_clock(Int32(LM_CLOCK_THREAD_CPU))
    var answer = WireQuiet()
    var isInTime = true
    for place in 0..<count {
        // SAFETY: places below the number of areas, and a state for each.
        let area = unsafe areas[place]
        let said = isInTime ? withAgentLock { lookAt(area, time, &answer) } : WireQuiet.something
        unsafe buffers.states[place] = said
        guard place % 16 == 15, isInTime else { continue }
        pauseForJobs()
        isInTime = lm_kernel_clock(Int32(LM_CLOCK_THREAD_CPU)) - start < longestLook
    }
    answer.cpuMicroseconds = UInt32(truncatingIfNeeded: lm_kernel_clock(Int32(LM_CLOCK_THREAD_CPU)) / 1000)
    return answer
}

/// Nanoseconds of CPU time after which the rest is left to observations.
private var longestLook: UInt64 { 500_000 }

/// Pages of an area with pages that cannot merge, at most: the kernel looks at each of those.
private var mostWithGaps: UInt32 { 1024 }
/// Runs of pages that are not to be tracked, at most.
private var mostRuns: Int { 64 }

/// What is said of an area: nothing, if no page of it was written since it was observed but those that rest, and nothing else
/// is to be told. The lock is held. Of a large area nothing is said: the look would take long.
private func lookAt(_ area: UInt32, _ time: UInt64, _ answer: inout WireQuiet) -> UInt8 {
    trap.news.take()
    guard let range = unsafe ranges.find(area: area), unsafe range.isServed, let remapper = unsafe work.remapper,
        unsafe range.pointee.flags & AgentRange.isNews == 0,
        unsafe range.pointee.pageCount
            <= (range.pointee.flags & AgentRange.hasGaps == 0 ? AgentBuffers.scanLength : mostWithGaps)
    else { return WireQuiet.something }
    let hasUntracked = unsafe range.pointee.flags & AgentRange.hasUntracked != 0
    // Where a rest ends an observation has to see it.
    if hasUntracked, unsafe range.pointee.scans.isAnyTurn(at: time) { return WireQuiet.something }
    // SAFETY: the pages belong to the range; the buffer has room for that many runs.
    let scan = unsafe remapper.pointee.tracker.list(
        range.memory(of: 0), pageCount: Int(range.pointee.pageCount), into: buffers.tracked,
        capacity: hasUntracked ? mostRuns : 1)
    answer.systemCalls &+= UInt32(truncatingIfNeeded: scan.systemCalls)
    guard hasUntracked || scan.runs == 0, scan.error == 0, unsafe scan.pagesDone == Int(range.pointee.pageCount) else {
        return WireQuiet.something
    }
    for place in 0..<scan.runs {
        // SAFETY: so many runs were filled in.
        guard unsafe range.isLeftAlone(buffers.tracked[place]) else { return WireQuiet.something }
    }
    // A pass that has found nothing.
    unsafe range.pointee.scans.begin(at: time)
    let ticks = unsafe hasUntracked ? range.pointee.scans.ticksUntilTurn : 0
    return ticks == 0 ? WireQuiet.nothing : UInt8(truncatingIfNeeded: ticks)
}

extension UnsafeMutablePointer where Pointee == AgentRange {
    /// Whether all pages of a run are known not to be tracked, and nothing is to be said of them before their rest ends.
    fileprivate func isLeftAlone(_ run: TrackedRun) -> Bool {
        guard run.holdsWritten else { return false }
        for page in unsafe pages(of: run, within: 0..<pointee.pageCount) {
            let entry = unsafe self.entry(page)
            if entry.isRewritten || !entry.isMergeable { continue }
            guard let writes = entry.writes, writes.phase == .resting,
                unsafe pointee.scans.levels >> UInt8(writes.level) & 1 != 0
            else { return false }
        }
        return true
    }
}
