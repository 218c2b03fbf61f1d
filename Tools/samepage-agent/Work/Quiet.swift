import CLinuxMemory

/// Finds out which areas have nothing to tell, with a look at each that changes nothing: sets `buffers.states` to 1 for those,
/// to 0 for others. One request for all of them costs a fraction of an observation each.
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
        let hasNothing = isInTime && withAgentLock { isQuiet(area, at: time, &answer) }
        unsafe buffers.states[place] = hasNothing ? 1 : 0
        guard place % 16 == 15, isInTime else { continue }
        pauseForJobs()
        isInTime = lm_kernel_clock(Int32(LM_CLOCK_THREAD_CPU)) - start < longestLook
    }
    answer.cpuMicroseconds = UInt32(truncatingIfNeeded: lm_kernel_clock(Int32(LM_CLOCK_THREAD_CPU)) / 1000)
    return answer
}

/// Nanoseconds of CPU time after which the rest is left to observations.
private var longestLook: UInt64 { 500_000 }

/// Whether no page of an area was written since it was observed, and nothing else is to be told. The lock is held. Of a large
/// area nothing is said: the look would take long.
private func isQuiet(_ area: UInt32, at time: UInt64, _ answer: inout WireQuiet) -> Bool {
    trap.news.take()
    guard let range = unsafe ranges.find(area: area), unsafe range.isServed, let remapper = unsafe work.remapper,
        unsafe range.pointee.flags & (AgentRange.isNews | AgentRange.hasGaps | AgentRange.hasUntracked) == 0,
        unsafe range.pointee.pageCount <= AgentBuffers.scanLength
    else { return false }
    // SAFETY: the pages belong to the range; the buffer has room for one run.
    let scan = unsafe remapper.pointee.tracker.list(
        range.memory(of: 0), pageCount: Int(range.pointee.pageCount), into: buffers.tracked, capacity: 1)
    answer.systemCalls &+= UInt32(truncatingIfNeeded: scan.systemCalls)
    guard scan.runs == 0, scan.error == 0, unsafe scan.pagesDone == Int(range.pointee.pageCount) else { return false }
    // A pass that has found nothing.
    unsafe range.pointee.scans.begin(at: time)
    return true
}
