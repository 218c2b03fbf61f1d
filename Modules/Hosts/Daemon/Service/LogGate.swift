import CLinuxMemory
package import Logging
import Synchronization

/// Lets only so many lines of a kind through to the log in a minute, so that no client can fill it.
package final class LogGate: Sendable {
    private struct Kind {
        var start: UInt64
        var lines = 0
        var held = 0
    }

    /// The logger, for lines that need no gate.
    package let logger: Logger
    private let kinds = Mutex<[String: Kind]>([:])
    private static let interval: UInt64 = 60_000_000_000
    private static let mostKinds = 1024

    /// Makes a gate before a logger.
    package init(_ logger: Logger) { self.logger = logger }

    /// Logs why something was done about a client of a user. Each sort of reason has its own count, so that who makes
    /// much noise of one sort hides no other.
    package func warn(_ kind: String, ofUser user: Int64, because reason: String, _ text: String) {
        // What varies comes in brackets, in quotes, or as a number.
        let sort = reason.prefix { $0 != "(" && $0 != "'" && !$0.isNumber }
        warn("\(kind) \(user) \(sort)", text, perMinute: 3)
    }

    /// Logs a warning, unless there were enough of its kind in the last minute; the first one of the next minute says
    /// how many were not logged.
    package func warn(_ kind: String, _ text: String, perMinute lines: Int = 1) {
        let now = lm_monotonic_nanoseconds()
        let held: Int? = kinds.withLock { kinds in
            if kinds.count > Self.mostKinds { kinds = kinds.filter { now - $0.value.start < Self.interval } }
            var known = kinds[kind] ?? Kind(start: now)
            defer { kinds[kind] = known }
            if now - known.start >= Self.interval {
                let held = known.held
                known = Kind(start: now, lines: 1)
                return held
            }
            if known.lines < lines {
                known.lines += 1
                return 0
            }
            known.held += 1
            return nil
        }
        guard let held else { return }
        logger.warning("\(text)\(held > 0 ? " (and \(held) more like this before)" : "")")
    }
}
