/// What is known of an area between two observations: whether the next one can have anything to tell.
package final class AreaWatch {
    package init() {}

    /// The page faults of the process before the first page was observed; `nil` before that.
    private var faults: UInt64?
    /// The pages from the first on that were observed since.
    private var covered: UInt32 = 0
    /// When the area is observed whatever its process did, by the monotonic clock.
    private var due: UInt64 = 0
    /// ``AgentConnection/disturbances`` at the first observation.
    private var disturbances: UInt64 = 0

    /// Nanoseconds after which a quiet area is looked at all the same: what other processes write into it shows nowhere
    /// else.
    package static let longestQuiet: UInt64 = 30_000_000_000

    /// Whether the area was observed at some time, from its first page on, and nothing failed since.
    package var isKnown: Bool { faults != nil }
    /// The wake-up from which on it may be asked about together with others, and whether it had something to tell the last time.
    package var nextQuestion: UInt64 = 0
    package var hadSomething = false

    /// Whether nothing can have happened to pages of the area since it was observed, all of it.
    package func isQuiet(_ pageCount: UInt32, faults: UInt64?, now: UInt64, disturbances: UInt64) -> Bool {
        guard let before = self.faults, let faults, covered == pageCount else { return false }
        return faults == before && disturbances == self.disturbances && now < due
    }

    /// Pages were observed.
    ///
    /// - Parameters:
    ///   - faults: The page faults of the process, counted before.
    ///   - next: After how many nanoseconds the agent wants to be asked again; 0 for no need.
    package func noteObserved(
        _ pages: Range<UInt32>, faults: UInt64?, now: UInt64, next: UInt64, disturbances: UInt64
    ) {
        let due = now + min(next == 0 ? Self.longestQuiet : next, Self.longestQuiet)
        if pages.lowerBound == 0 {
            self.faults = faults
            self.disturbances = disturbances
            self.due = due
            covered = 0
        } else if pages.lowerBound > covered {
            return forget()
        }
        // A part may begin within the one before: where a scan ended there.
        covered = max(covered, pages.upperBound)
        self.due = min(self.due, due)
    }

    /// An observation failed.
    package func forget() { faults = nil }
}
