import CLinuxMemory

/// The message to the daemon that is being written: one at a time.
func answerBuffer() -> WireBuffer { unsafe WireBuffer(bytes: buffers.answer, capacity: WireLimit.message) }

/// Tries to reach the daemon, and says hello.
func connect() {
    link.deadline = now() + backOff()
    let socket = lm_socket()
    guard socket >= 0 else { return }
    guard reach(socket), isTrusted(socket) else {
        _ = lm_close(socket)
        return
    }
    link.socket = socket
    link.user = lm_real_user()
    link.stage = .greeting
    link.deadline = now() + seconds(10)
    var hello = WireHello()
    hello.pageSize = 4096
    hello.flags |= WireHello.signsNews | WireHello.tellsQuiet | WireHello.takesOutside | WireHello.tellsEntries
    if unsafe mergesAny != 0 { hello.flags |= WireHello.mergeAny }
    if link.isForked { hello.flags |= WireHello.forked }
    hello.userfault = ownUserfault().rawValue32
    hello.salt = unsafe agentSettings.salt
    var message = answerBuffer()
    message.begin(WireHeader(.hello))
    _ = message.append(hello)
    _ = send(message)
}

/// The time to the next try: 1, 2, 4, 5, 5 ... seconds.
func backOff() -> UInt64 {
    link.failures = min(link.failures + 1, 4)
    return seconds(min(1 << UInt64(link.failures - 1), 5))
}

private func reach(_ socket: Int32) -> Bool {
    let length = unsafe agentSettings.socketPathLength
    guard length > 0 else { return false }
    // SAFETY: the path has that many bytes.
    return unsafe withUnsafeBytes(of: &agentSettings.socketPath) { bytes in
        let path = unsafe bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self)
        return unsafe lm_connect(socket, path, length) == 0
    }
}

/// How much of userfaultfd the process has by itself.
private func ownUserfault() -> RemapFeatures.Userfault {
    if unsafe work.remapper != nil { return .full }
    let context = lm_uffd_open()
    guard context.descriptor >= 0 else { return .none }
    _ = lm_close(context.descriptor)
    return context.full != 0 ? .full : .userMode
}

extension RemapFeatures.Userfault {
    fileprivate var rawValue32: UInt32 { UInt32(rawValue) }
}

/// Sends a message. Waits at most a second for room; where there is none the connection ends. `false`: it has ended.
@discardableResult
func send(_ message: WireBuffer) -> Bool {
    let end = now() + seconds(1)
    while link.stage != .closed {
        // SAFETY: the message lies in its buffer.
        let sent = unsafe lm_send(link.socket, message.bytes, message.size, nil, 0)
        if sent == message.size { return true }
        let present = now()
        guard sent == -Int(LM_EAGAIN) || sent == -Int(LM_EINTR), present < end, !mustAgentThreadEnd else { break }
        var entry = lm_poll_entry(descriptor: link.socket, events: Int16(LM_POLL_OUT), found: 0)
        // In short parts: a thread of the program may be waiting for this one.
        // SAFETY: one entry.
        _ = unsafe lm_poll(&entry, 1, 10_000_000)
        if entry.found & Int16(LM_POLL_ERROR | LM_POLL_HANGUP) != 0 { break }
        pauseForJobs()
    }
    disconnect(retryAfter: backOff())
    return false
}

/// Goes on without a daemon. Everything merged stays.
func disconnect(retryAfter: UInt64) {
    guard link.stage != .closed else { return }
    let wasServing = link.stage == .serving
    link.stage = .closed
    _ = lm_close(link.socket)
    link.socket = -1
    if link.uploadBuffer >= 0 { _ = lm_close(link.uploadBuffer) }
    link.uploadBuffer = -1
    link.uploadTrimDue = nil
    link.deadline = now() + retryAfter
    link.needsLook = true
    guard wasServing else { return }
    segments.closeAll()
    withdrawAll()
    makeOrphans(foreign: false)
}
