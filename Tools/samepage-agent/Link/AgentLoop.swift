import CLinuxMemory

/// The agent's thread: serves the daemon while there is one, and the program always, until it is asked to end.
///
/// Connected and idle it sleeps until someone calls: no timers, but one after uploads, and a look at the program's threads
/// every five seconds.
func agentMain() {
    prepare()
    while !mustAgentThreadEnd, !link.mustRest {
        runPendingJob()
        lastThread.look()
        // The program may have mounted /proc meanwhile.
        if unsafe kernelMap.isMissing { unsafe kernelMap.open() }
        if unsafe lm_atomic_load(&agentThread.isLookWanted) != 0 { link.needsLook = true }
        if link.needsLook, now() >= link.lookDue { lookAfterRanges() }
        if link.stage == .closed, wantsConnection(), now() >= connectionDue { connect() }
        if link.stage == .greeting, now() >= link.deadline { disconnect(retryAfter: backOff()) }
        if let due = link.uploadTrimDue, now() >= due { trimUpload() }
        let look = remaining(lastThread.due)
        wait(min(timeout() ?? look, look))
    }
    rest()
}

/// Leaves everything so that a later thread goes on from here: the thread ends. Tracking ends with its descriptors.
private func rest() {
    disconnect(retryAfter: 0)
    link.deadline = 0
    trap.close()
    work.closeRemapper()
    work.rights.close()
    lastThread.close()
    work.cpu = CPUBudget()
    link.mustRest = false
    if link.doorbell >= 0 { _ = lm_close(link.doorbell) }
    link.doorbell = -1
    SpareBell.close()
    link.needsLook = true
    runPendingJob()
    unsafe kernelMap.close()
}

private func prepare() {
    // Signal n is at bit n - 1; the thread has it blocked, so that it waits here.
    unsafe kernelMap.open()
    link.doorbell = lm_signalfd(1 << UInt64(LM_DOORBELL_SIGNAL - 1))
    SpareBell.open()
    while !buffers.prepare(), !mustAgentThreadEnd {
        runPendingJob()
        lastThread.look()
        wait(seconds(1))
    }
    work.chooseFunctions()
    if link.mustOrphan {
        link.mustOrphan = false
        makeOrphans(foreign: false)
        // Most children become other programs at once.
        link.deadline = now() + 200_000_000
    }
}

/// When to connect. Where the program itself asked for nothing, not in its first second: many end before that, and would
/// gain nothing.
private var connectionDue: UInt64 {
    unsafe lm_atomic_load(&isAskedFor) != 0 ? link.deadline : max(link.deadline, agentSettings.youngUntil)
}

/// Whether the process has anything for a daemon.
private func wantsConnection() -> Bool { withAgentLock { ranges.count > 0 } }

/// How long to sleep: nothing before that happens by itself. `nil`: for ever.
private func timeout() -> UInt64? {
    if link.doorbell < 0 { return 100_000_000 }
    var due = link.needsLook ? link.lookDue : nil
    switch link.stage {
    case .closed: if wantsConnection() { due = min(due ?? connectionDue, connectionDue) }
    case .greeting: due = min(due ?? link.deadline, link.deadline)
    case .serving: if let trim = link.uploadTrimDue { due = min(due ?? trim, trim) }
    }
    return due.map(remaining)
}

/// Gives back the memory of pages that were handed to the daemon, which has copies of its own: it asks for many of them
/// at a time, and then for none for long. The daemon itself changes no file that others can lock.
private func trimUpload() {
    link.uploadTrimDue = nil
    _ = lm_fallocate(
        link.uploadBuffer, Int32(LM_FALLOC_PUNCH_HOLE | LM_FALLOC_KEEP_SIZE), 0, Int64(WireLimit.uploadPages) << 12)
}

private func remaining(_ time: UInt64) -> UInt64 {
    let present = now()
    return time > present ? time - present : 0
}

/// Sleeps until a message, a call of the program, or the time is up.
private func wait(_ nanoseconds: UInt64?) {
    // While its CPU time is used up the thread does what the program asks for, and nothing for the daemon.
    let pause = work.cpu.wait()
    let nanoseconds = pause.map { min($0, nanoseconds ?? $0) } ?? nanoseconds
    var socket = lm_poll_entry(descriptor: pause == nil ? link.socket : -1, events: Int16(LM_POLL_IN), found: 0)
    var bell = lm_poll_entry(descriptor: link.doorbell, events: Int16(LM_POLL_IN), found: 0)
    var spare = lm_poll_entry(descriptor: unsafe SpareBell.descriptor, events: Int16(LM_POLL_IN), found: 0)
    poll(&socket, &bell, &spare, nanoseconds)
    if spare.found != 0 {
        SpareBell.answer()
    }
    if bell.found != 0 || link.doorbell < 0 {
        answerDoorbell()
    }
    if socket.found != 0, link.stage != .closed { receiveMessage() }
}

private func poll(
    _ socket: inout lm_poll_entry, _ bell: inout lm_poll_entry, _ spare: inout lm_poll_entry, _ nanoseconds: UInt64?
) {
    var entries = (socket, bell, spare)
    let time = nanoseconds.map { Int64(clamping: $0) } ?? -1
    // SAFETY: three entries; one with a negative descriptor is passed over.
    unsafe withUnsafeMutableBytes(of: &entries) { bytes in
        let first = unsafe bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: lm_poll_entry.self)
        _ = unsafe lm_poll(first, 3, time)
    }
    (socket, bell, spare) = entries
}

/// Takes the signals that wait, so that the doorbell rings anew.
private func answerDoorbell() {
    var room = InlineArray<128, UInt8>(repeating: 0)
    // SAFETY: the room takes one record.
    unsafe withUnsafeMutableBytes(of: &room) { bytes in
        let buffer = unsafe bytes.baseAddress.unsafelyUnwrapped
        while unsafe lm_read(link.doorbell, buffer, 128) > 0 {}
    }
}

/// Between the steps of a request, the lock being free: a thread of the program may be waiting.
func pauseForJobs() {
    if link.isInJob { return }
    link.isInJob = true
    runPendingJob()
    link.isInJob = false
}
