import CLinuxMemory
import Wire

/// What one look at the socket brought.
enum Received {
    /// No message waits.
    case nothing
    /// Something unasked; it is among the events now.
    case event
    /// The answer to the request that waits, with its number of entries; its body is to be taken from the room.
    case answer(entries: UInt32)
    /// The connection is dead.
    case dead
}

extension AgentConnection {
    /// Messages that are taken from one client before it is the others' turn.
    private static var turn: Int { 64 }
    /// Areas in events that nobody has taken yet; a client that says more is not waited for.
    private static var longestQueue: Int { 4 * WireLimit.areas }
    /// Page numbers have at most so many bits: an address has 64, a page at least 4096 bytes.
    private static var lastPage: UInt64 { 1 << 52 }

    /// Takes in what waits at the socket, without waiting for more.
    package func receivePending() {
        for _ in 0..<AgentConnection.turn {
            let request = awaited
            switch receive() {
            case .event: continue
            case .answer(let entries):
                if let request { takeLateAnswer(request, entries: entries) }
            case .nothing, .dead: return
            }
        }
    }

    /// Takes in one message.
    func receive() -> Received {
        guard !isDead else { return .dead }
        // SAFETY: the room has the capacity given.
        let got = unsafe lm_receive_words(descriptor, room.incoming.bytes, room.incoming.capacity)
        guard got.size >= 0 else {
            if got.size == -Int(LM_EAGAIN) || got.size == -Int(LM_EINTR) { return .nothing }
            end(Int32(-got.size))
            return .dead
        }
        guard got.size > 0 else {
            close()
            return .dead
        }
        guard got.pid == identity.pid, UInt32(bitPattern: got.uid) == identity.user else {
            return broken("another process or user speaks on its connection (process \(got.pid), user \(got.uid))")
        }
        guard got.cut == 0 else { return broken("sent a message that is too long, or descriptors") }
        room.incoming.received(got.size)
        guard let head = room.incoming.take(WireHeader.self), let kind = WireKind(rawValue: head.kind) else {
            return broken("sent an unknown message")
        }
        guard head.isAnswer else { return receive(kind, head) }
        guard let awaited, awaited.kind == kind, awaited.sequence == head.sequence else {
            return broken("sent an answer (\(kind), \(head.sequence)) that nobody waits for")
        }
        self.awaited = nil
        return .answer(entries: head.count)
    }

    /// The socket is of no use any more.
    ///
    /// - Parameter error: The error number of the call that said so.
    func end(_ error: Int32) {
        switch error {
        // EPIPE, ECONNRESET, ENOTCONN: the client has closed, or is gone.
        case 32, 104, 107: close()
        default: fail("its socket failed with error \(error)")
        }
    }

    /// Ends the connection for a message that is wrong.
    private func broken(_ text: String) -> Received {
        fail(text)
        return .dead
    }

    private func receive(_ kind: WireKind, _ head: WireHeader) -> Received {
        guard kind == .areaAdded || kind == .areaRemoved else {
            return broken("sent '\(kind)', which is not its to send")
        }
        guard head.count >= 1, head.count <= UInt32(WireLimit.areasOfMessage),
            room.incoming.holdsExactly(head.count, of: WireArea.self)
        else { return broken("sent a list of areas of a wrong length") }
        eventAreas += Int(head.count)
        guard eventAreas <= AgentConnection.longestQueue else { return broken("comes and goes with areas too fast") }
        for _ in 0..<head.count {
            guard let area = room.incoming.take(WireArea.self) else { return broken("sent a cut list of areas") }
            if kind == .areaRemoved {
                guard announced.remove(area.area) != nil else { return broken("removed an area that it has not added") }
                events.append(.areaRemoved(area.area))
                continue
            }
            guard area.pageCount >= 1, area.firstPage <= AgentConnection.lastPage - UInt64(area.pageCount) else {
                return broken("added an area that cannot be (\(area.firstPage), \(area.pageCount) pages)")
            }
            guard announced.count < WireLimit.areas else { return broken("has more areas than there may be") }
            guard areas[area.area] == nil, announced.insert(area.area).inserted else {
                return broken("added area \(area.area) twice")
            }
            events.append(.areaAdded(area))
        }
        return .event
    }
}
