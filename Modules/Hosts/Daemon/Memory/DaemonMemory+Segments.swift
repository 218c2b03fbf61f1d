import CLinuxMemory
import Wire

/// A segment without frames in use that was not freed at once.
struct Retirement {
    var number: UInt32
    /// The clients that have had it.
    var holders: [AgentConnection]
    /// When it retired, or clients were asked to leave it last, in nanoseconds.
    var since: UInt64
    var wasAsked = false
}

extension DaemonMemory {
    /// How long after a segment retired its clients are asked to leave it, and how long after that again: in
    /// nanoseconds.
    private static var firstAsk: UInt64 { 3_000_000_000 }
    private static var nextAsk: UInt64 { 60_000_000_000 }

    /// Whether segments wait to be freed, or buffers to be emptied, so that ``maintain(nanoseconds:)`` is worth a
    /// call every few seconds.
    package var needsMaintenance: Bool { store.retiredCount > 0 || hasUploaded }

    /// Frees segments that nobody holds any more, and memory of buffers that are not used. Where clients hold one
    /// for long, they are asked to take pages off it that were written since their merge: those keep a whole segment
    /// for nothing.
    ///
    /// - Parameter now: The monotonic clock, in nanoseconds.
    package func maintain(nanoseconds now: UInt64) {
        trim()
        guard store.retiredCount > 0 else { return }
        reap()
        for place in retirements.indices {
            let patience = retirements[place].wasAsked ? DaemonMemory.nextAsk : DaemonMemory.firstAsk
            guard now >= retirements[place].since, now - retirements[place].since >= patience else { continue }
            retirements[place].since = now
            retirements[place].wasAsked = true
            evacuate(retirements[place].number, retirements[place].holders)
        }
        reap()
    }

    /// Copies that nothing was compared with since the last look give their memory back.
    private func trim() {
        defer { hasUploadedLately = false }
        guard hasUploaded, !hasUploadedLately else { return }
        hasUploaded = false
        cache.trim()
    }

    private func evacuate(_ number: UInt32, _ holders: [AgentConnection]) {
        var asked: [AgentConnection] = []
        for connection in holders where !connection.isDead {
            connection.beginRequest(.evacuate)
            connection.append(WireSegment(number: number))
            if connection.post(.evacuate) { asked.append(connection) }
        }
        for connection in asked {
            if let answer = connection.collect(WireWork.self, entries: 0...0, of: UInt8.self) { count(answer.body) }
        }
    }

    /// Retires segments whose frames are all released, and tells the clients that have them.
    func retireUnused() {
        let numbers = store.retireUnused()
        guard !numbers.isEmpty else { return }
        let now = lm_monotonic_nanoseconds()
        for number in numbers {
            var holders: [AgentConnection] = []
            for case .some(let connection) in connections where connection.has(segment: number) {
                connection.drop(segment: number)
                holders.append(connection)
            }
            retirements.append(Retirement(number: number, holders: holders, since: now))
        }
        reap()
    }

    /// Frees what can be freed.
    func reap() {
        let numbers = store.reapRetired()
        if !numbers.isEmpty { retirements.removeAll { numbers.contains($0.number) } }
    }
}
