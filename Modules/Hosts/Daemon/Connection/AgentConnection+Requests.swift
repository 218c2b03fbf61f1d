import CLinuxMemory
import Wire

extension AgentConnection {
    /// Begins a message in the room; bodies and entries are added with ``append(_:)``.
    func begin(_ kind: WireKind, sequence: UInt64 = 0) {
        room.outgoing.begin(WireHeader(kind, sequence: sequence))
    }

    /// Adds a structure to the message. Callers keep to the limits of ``WireLimit``, which fit.
    @inline(__always)
    func append<Value: BitwiseCopyable>(_ value: Value) { _ = room.outgoing.append(value) }

    /// Begins a request.
    func beginRequest(_ kind: WireKind) {
        sequence += 1
        begin(kind, sequence: sequence)
    }

    /// Sends the request in the room; its answer is to be fetched with ``collect(_:entries:of:)``. `false` when the
    /// connection is dead.
    func post(_ kind: WireKind, entries: Int = 0, area: UInt32 = 0) -> Bool {
        guard !isDead, !isParked, awaited == nil else { return false }
        room.outgoing.setCount(entries)
        let now = lm_monotonic_nanoseconds()
        guard transmit() else { return false }
        requests += 1
        switch kind {
        case .observe, .quiet, .checksum, .upload, .statistics, .entries: break
        default: disturbances += 1
        }
        awaited = Awaited(kind: kind, sequence: sequence, sent: now, area: area)
        return true
    }

    /// Waits for the answer to the posted request and checks its length.
    ///
    /// - Parameters:
    ///   - body: What comes first in the answer.
    ///   - entries: How many entries may follow, to be taken from the room.
    ///   - entry: Their type.
    /// - Returns: The body and the number of entries; `nil` when the connection is dead.
    func collect<Body: BitwiseCopyable, Entry: BitwiseCopyable>(
        _ body: Body.Type, entries: ClosedRange<Int>, of entry: Entry.Type
    ) -> (body: Body, entries: Int)? {
        guard let kind = awaited?.kind, let count = awaitAnswer() else { return nil }
        guard let value = room.incoming.take(body), entries.contains(Int(count)),
            room.incoming.holdsExactly(count, of: entry)
        else {
            fail("answered '\(kind)' with a wrong length")
            return nil
        }
        return (value, Int(count))
    }

    /// Waits for an answer that has no content.
    func collectNothing() -> Bool {
        guard let kind = awaited?.kind, let count = awaitAnswer() else { return false }
        guard count == 0, room.incoming.remaining == 0 else {
            fail("answered '\(kind)' with a wrong length")
            return false
        }
        return true
    }

    /// The next entry of the answer; ``collect(_:entries:of:)`` has made sure that it is there.
    @inline(__always)
    func takeEntry<Entry: BitwiseCopyable>(_ entry: Entry.Type) -> Entry? { room.incoming.take(entry) }

    private func awaitAnswer() -> UInt32? {
        let start = lm_monotonic_nanoseconds()
        while !isDead, let awaited {
            switch receive() {
            case .answer(let count):
                noteWait(from: start)
                return isDead ? nil : count
            case .dead: return nil
            case .event: continue
            case .nothing:
                let elapsed = lm_monotonic_nanoseconds() &- awaited.sent
                if elapsed >= Self.firstLook, parkIfStopped() { return nil }
                guard elapsed < patience else {
                    parkSilent(since: start)
                    return nil
                }
                wait(for: LM_POLL_IN, nanoseconds: nextLook(after: elapsed))
            }
        }
        return nil
    }

    /// How long to wait until the process is looked at again: seldom, the longer it takes.
    private func nextLook(after elapsed: UInt64) -> UInt64 {
        min(patience - elapsed, max(Self.firstLook - min(elapsed, Self.firstLook), 1_000_000, elapsed / 2))
    }

    /// Waits until the socket is ready.
    private func wait(for events: Int, nanoseconds: UInt64) {
        var entry = lm_poll_entry(descriptor: descriptor, events: Int16(events), found: 0)
        // SAFETY: one entry.
        _ = unsafe lm_poll(&entry, 1, Int64(nanoseconds))
    }

    /// Sends the message in the room. What the agent says meanwhile is taken in, so that two full sockets never wait
    /// for each other. `false` when the connection is dead.
    func transmit(_ descriptors: [Int32] = []) -> Bool {
        guard !isParked else { return false }
        let start = lm_monotonic_nanoseconds()
        while !isDead {
            let sent = unsafe descriptors.withUnsafeBufferPointer { list in
                // SAFETY: the room holds the message, the list its descriptors.
                unsafe lm_send(
                    descriptor, room.outgoing.bytes, room.outgoing.size, list.baseAddress, Int32(list.count))
            }
            if sent >= 0 { return true }
            if sent == -Int(LM_EINTR) { continue }
            guard sent == -Int(LM_EAGAIN) else {
                end(Int32(-sent))
                return false
            }
            let elapsed = lm_monotonic_nanoseconds() &- start
            if elapsed >= Self.firstLook, parkIfStopped() { return false }
            guard elapsed < patience else {
                failSilent("took no messages for \(patience / 1_000_000) ms")
                return false
            }
            wait(for: LM_POLL_IN | LM_POLL_OUT, nanoseconds: nextLook(after: elapsed))
            _ = receive()
        }
        return false
    }
}
