import CLinuxMemory

/// Takes one message of the daemon. Whatever is wrong about it ends the connection, and nothing else.
func receiveMessage() {
    // SAFETY: the buffer has room for the longest message.
    let received = unsafe lm_receive(link.socket, buffers.received, WireLimit.message)
    if received.size == -Int(LM_EAGAIN) || received.size == -Int(LM_EINTR) { return }
    var descriptors = PassedDescriptors(received)
    defer { descriptors.closeAll() }
    guard received.size > 0 else { return disconnect(retryAfter: backOff()) }
    // A process that has become another user's keeps nothing of the memory of the first one's others.
    guard link.user == lm_real_user() else { return disconnect(retryAfter: backOff()) }
    var message = unsafe WireBuffer(bytes: buffers.received, capacity: WireLimit.message)
    message.received(received.size)
    guard let header = message.take(WireHeader.self), !header.isAnswer, let kind = WireKind(rawValue: header.kind),
        handle(kind, header, &message, &descriptors)
    else { return disconnect(retryAfter: seconds(60)) }
}

/// Descriptors that came with a message, until someone takes them.
struct PassedDescriptors {
    private var numbers: (Int32, Int32, Int32, Int32)
    /// How many came.
    private(set) var count: Int
    /// Whether some could not be received.
    let isCut: Bool

    init(_ received: lm_received) {
        let all = received.descriptors
        count = Int(received.descriptor_count)
        numbers = (count > 0 ? all.0 : -1, count > 1 ? all.1 : -1, count > 2 ? all.2 : -1, count > 3 ? all.3 : -1)
        isCut = received.cut != 0
    }

    /// The next descriptor, now the caller's; -1 if there is none.
    mutating func take() -> Int32 {
        let first = numbers.0
        numbers = (numbers.1, numbers.2, numbers.3, -1)
        return first
    }

    mutating func closeAll() {
        while numbers.0 >= 0 { _ = lm_close(take()) }
    }
}

/// Does what a message asks for; `false` if the daemon may not send it.
private func handle(
    _ kind: WireKind, _ header: WireHeader, _ message: inout WireBuffer, _ descriptors: inout PassedDescriptors
) -> Bool {
    // A cut message is none; a segment's descriptor may be missing because this process has too many.
    if kind != .segment, kind != .welcome, descriptors.count > 0 || descriptors.isCut { return false }
    switch kind {
    case .hello, .areaAdded, .areaRemoved: return false
    case .refused:
        guard link.stage == .greeting else { return false }
        disconnect(retryAfter: seconds(60))
        return true
    case .welcome:
        guard link.stage == .greeting, header.count == 0, let welcome = message.take(WireWelcome.self),
            message.remaining == 0
        else { return false }
        return beServed(welcome, &descriptors)
    default: break
    }
    guard link.stage == .serving else { return false }
    switch kind {
    case .segment:
        guard let segment = message.take(WireSegment.self), message.remaining == 0, descriptors.count <= 1,
            segment.number < WireLimit.segments
        else { return false }
        let descriptor = descriptors.take()
        return descriptor < 0 ? descriptors.isCut : segments.open(segment.number, descriptor)
    case .dropSegment:
        guard let segment = message.take(WireSegment.self), message.remaining == 0 else { return false }
        segments.close(segment.number)
        return true
    case .settings:
        guard let settings = message.take(WireSettings.self), message.remaining == 0 else { return false }
        guard takeSettings(settings) else { return false }
        trap.follow(settings)
        return true
    default: return answerRequest(kind, header, &message)
    }
}

/// Takes over settings; `false` if they make no sense.
func takeSettings(_ settings: WireSettings) -> Bool {
    guard settings.vmaBudgetPercent >= 1, settings.vmaBudgetPercent <= 90 else { return false }
    link.settings = settings
    setExcludesDontDump(settings.flags & WireSettings.excludeDontDump != 0)
    work.budget.percent = settings.vmaBudgetPercent
    return true
}
