internal import CLinuxMemory

/// Finds out which pages that the program wants merged can be: one pass over /proc/self/smaps, on the agent's thread,
/// without the lock but for each mapping that has a part in a range.
///
/// What changes meanwhile is looked at the next time. `false` if the file cannot be read: nothing is decided then.
///
/// - Complexity: O(n) in the mappings of the process, and in the pages of the ranges that wait for it.
@discardableResult
func examineRanges() -> Bool {
    guard AgentLock.acquire() else { return false }
    unsafe lm_atomic_store(&rangesToExamine, 0)
    let start = ranges.nextGeneration()
    let hasRanges = ranges.count > 0
    AgentLock.release()
    guard hasRanges else { return true }
    var found = Refusals()
    var reader = SmapsReader()
    var reached: UInt = 0
    while let entry = reader.next() {
        guard examineGap(reached, entry.start), examine(entry, started: start, &found) else { return false }
        reached = max(reached, entry.end)
        pauseForJobs()
    }
    guard reader.isWell else {
        unsafe lm_atomic_store(&rangesToExamine, 1)
        return false
    }
    guard examineGap(reached, UInt.max & ~4095) else { return false }
    finishExamination(started: start)
    unsafe refusals = found
    return true
}

/// Where nothing is mapped the program has unmapped behind libc's back, or a fork left something out.
private func examineGap(_ start: UInt, _ end: UInt) -> Bool {
    guard start < end else { return true }
    guard AgentLock.acquire() else { return false }
    forgetUnmapped(start, end)
    AgentLock.release()
    return true
}

/// Looks at one mapping, a part at a time so that nobody waits long for the lock.
private func examine(_ entry: MapEntry, started: UInt32, _ found: inout Refusals) -> Bool {
    let part: UInt = 65536 << 12
    var start = entry.start
    // What a merge maps would be locked at once, too.
    var refusal = unsafe lm_atomic_load(&locksFuture) != 0 ? .locked : entry.refusal
    var isFirst = true
    while start < entry.end {
        guard AgentLock.acquire() else { return false }
        defer { AgentLock.release() }
        let position = ranges.firstPosition(endingAfter: start)
        guard position < ranges.count else { return true }
        // SAFETY: a range of the table.
        start = max(start, unsafe ranges[position].pointee.base)
        guard start < entry.end else { return true }
        if isFirst, refusal == nil, !entry.isSegment, lm_memory_policy(start) > 0 { refusal = .memoryPolicy }
        isFirst = false
        let end = min(entry.end, start + part)
        Examiner(entry: entry, refusal: refusal, started: started).examine(start, end, &found)
        start = end
    }
    return true
}

/// Ranges that nothing happened to since the start are done.
private func finishExamination(started: UInt32) {
    guard AgentLock.acquire() else { return }
    defer { AgentLock.release() }
    for position in 0..<ranges.count {
        // SAFETY: a range of the table.
        let range = unsafe ranges[position]
        if unsafe range.pointee.flags & AgentRange.needsExamination == 0 { continue }
        if unsafe isUnchanged(range, since: started) {
            unsafe range.pointee.flags &= ~AgentRange.needsExamination
        } else {
            unsafe lm_atomic_store(&rangesToExamine, 1)
        }
    }
}

/// Whether nothing has been changed about a range since a generation.
func isUnchanged(_ range: UnsafeMutablePointer<AgentRange>, since started: UInt32) -> Bool {
    // SAFETY: a range of the table. The generations wrap around.
    unsafe Int32(bitPattern: range.pointee.generation &- started) < 0
}
