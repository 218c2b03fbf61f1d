import CLinuxMemory
import Wire

/// A process that is stopped, or gets no processor, loses nothing: its connection waits until it goes on. What it has merged
/// stays counted.
extension AgentConnection {
    /// How long an answer is waited for before the process is looked at, in nanoseconds.
    static var firstLook: UInt64 { 10_000_000 }

    /// Leaves the process alone if it is stopped; `false` if it runs.
    func parkIfStopped() -> Bool {
        guard identity.isStopped, !identity.hasEnded else { return false }
        park(isStopped: true)
        return true
    }

    /// Leaves a process alone whose answer is late though it runs.
    ///
    /// - Parameter start: Since when somebody waits for it.
    func parkSilent(since start: UInt64) {
        noteWait(from: start)
        guard !isDead, let awaited else { return }
        silence = "did not answer '\(awaited.kind)' within \(patience / 1_000_000) ms: it is left alone until it does"
        park(isStopped: false)
    }

    private func park(isStopped: Bool) {
        isParked = true
        wasStopped = isStopped
        parkedSince = lm_monotonic_nanoseconds()
    }

    /// When a process that owes an answer has been silent for too long; `nil` while it owes none.
    var endOfSilence: UInt64? { isParked && awaited != nil ? parkedSince + longestSilence : nil }

    /// Ends the connection of a process that runs and has not answered for too long.
    private func failIfSilent() {
        guard let end = endOfSilence, lm_monotonic_nanoseconds() >= end else { return }
        // The answer may lie there: this thread, too, may have got no processor.
        receivePending()
        guard !isDead, let awaited else { return }
        let isStopped = identity.isStopped
        guard isStopped || wasStopped else {
            return failSilent("did not answer '\(awaited.kind)' for more than \(longestSilence / 1_000_000) ms")
        }
        // Its time begins when it goes on.
        park(isStopped: isStopped)
    }

    /// Whether a process that was left alone goes on: it has answered, or can be asked again.
    ///
    /// Its answer, if it still owes one, comes through ``receivePending()``.
    package func unparkIfRunning() -> Bool {
        guard isParked, !isDead else { return false }
        failIfSilent()
        guard !isDead, awaited == nil, !identity.isStopped else { return false }
        isParked = false
        sendDrops()
        return true
    }

    /// Takes an answer that nobody waits for any more. What it says of changes is kept, for the process has armed
    /// those pages anew; what became of other requests is found by looking at their pages again.
    func takeLateAnswer(_ request: Awaited, entries: UInt32) {
        guard request.kind == .observe, room.incoming.take(WireObserved.self) != nil,
            entries <= UInt32(WireLimit.runs), room.incoming.holdsExactly(entries, of: WireRun.self)
        else { return }
        for _ in 0..<entries {
            guard let run = room.incoming.take(WireRun.self), run.state != nil else { return }
            lateRuns.append((request.area, run))
        }
    }
}

extension ClientIdentity {
    /// Whether the process stands still by a signal or a debugger: its first thread does.
    var isStopped: Bool {
        let state = Self.state("/proc/\(pid)/stat")
        return state == UInt8(ascii: "T") || state == UInt8(ascii: "t")
    }

    /// The letter behind the name of the program, which may itself hold parentheses.
    private static func state(_ path: String) -> UInt8? {
        guard let text = SmallFile.text(path) else { return nil }
        let bytes = Array(text.utf8)
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")), end + 2 < bytes.count else { return nil }
        return bytes[end + 2]
    }
}
