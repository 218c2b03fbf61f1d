import CLinuxMemory

/// Looks after the ranges: examines new ones, tells the daemon of those that came and went, takes out the latter.
func lookAfterRanges() {
    link.needsLook = false
    // What happens from here on wants another look.
    unsafe lm_atomic_store(&agentThread.isLookWanted, 0)
    link.lookDue = now() + 100_000_000
    let canMerge = unsafe link.stage == .serving && work.remapper != nil
    if canMerge, ranges.needExamination {
        if !examineRanges() { link.lookDue = now() + seconds(1) }
        // What changed meanwhile is looked at a little later.
        if ranges.needExamination { link.needsLook = true }
    }
    while announce(.areaRemoved, collectLeaving) {}
    if canMerge { while announce(.areaAdded, collectNew) {} }
}

/// Sends one announcement; `false` when there was nothing to tell, or nobody to tell it.
private func announce(_ kind: WireKind, _ collect: (inout WireBuffer) -> Int) -> Bool {
    // The connection may have ended meanwhile: what nobody hears of is not announced. What leaves does so anyway.
    if kind == .areaAdded, link.stage != .serving { return false }
    var message = answerBuffer()
    message.begin(WireHeader(kind))
    let count = withAgentLock { collect(&message) }
    guard count > 0 else { return false }
    // Of areas that the daemon does not know there is nothing to tell.
    if message.remaining <= MemoryLayout<WireHeader>.size { return true }
    guard link.stage == .serving else { return true }
    message.setCount((message.size - MemoryLayout<WireHeader>.size) / MemoryLayout<WireArea>.stride)
    return send(message)
}

/// Takes out ranges of which no page is wanted any more. Returns how many. The lock is held.
private func collectLeaving(_ message: inout WireBuffer) -> Int {
    var count = 0
    var position = 0
    while position < ranges.count, count < WireLimit.areasOfMessage {
        // SAFETY: a range of the table.
        let range = unsafe ranges[position]
        guard unsafe range.pointee.flags & AgentRange.isLeaving != 0 else {
            position += 1
            continue
        }
        if unsafe range.pointee.flags & AgentRange.isAnnounced != 0 { _ = message.append(unsafe range.area) }
        unsafe ranges.remove(range)
        count += 1
    }
    return count
}

/// Notes ranges that the daemon does not know. Returns how many. The lock is held.
private func collectNew(_ message: inout WireBuffer) -> Int {
    var count = 0
    for position in 0..<ranges.count where count < WireLimit.areasOfMessage {
        // SAFETY: a range of the table.
        let range = unsafe ranges[position]
        guard unsafe range.isServed, unsafe range.pointee.flags & AgentRange.isAnnounced == 0 else { continue }
        _ = message.append(unsafe range.area)
        unsafe range.raise(AgentRange.isAnnounced)
        count += 1
    }
    return count
}

extension UnsafeMutablePointer where Pointee == AgentRange {
    /// The range as the daemon knows it.
    fileprivate var area: WireArea {
        unsafe WireArea(area: pointee.area, pageCount: pointee.pageCount, firstPage: UInt64(pointee.base >> 12))
    }
}

/// No daemon knows any range any more.
func withdrawAll() {
    withAgentLock {
        for position in 0..<ranges.count { unsafe ranges[position].pointee.flags &= ~AgentRange.isAnnounced }
    }
}
