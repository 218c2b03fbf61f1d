import Synchronization

/// The CPU time that merging may take, of all domains with their agents: a share of one CPU, counted over a second. What is
/// used beyond that is waited for. New programs bring some more, for their first merge.
package final class CPUShare: Sendable {
    private let state: Mutex<State>

    fileprivate struct State {
        var percent: UInt32
        /// Nanoseconds of CPU time that may be used at once; below 0 while too much was used.
        var left: Int64 = 0
        /// What new programs have brought and nobody has used yet, in nanoseconds, and until when it holds.
        var granted: Int64 = 0
        var grantEnd: UInt64 = 0
        /// When that was counted.
        var counted: UInt64 = 0
        /// The most pages that a process has had.
        var mostPages: [Int32: UInt64] = [:]
    }

    /// CPU time for each page that a program has more than ever before, and the most that comes together.
    private static let perPage: UInt64 = 20_000
    private static let mostGranted: Int64 = 5_000_000_000
    /// How long such time may be used.
    private static let grantHolds: UInt64 = 10_000_000_000
    /// More than that is not waited for.
    private static let mostOwed: Int64 = 3_000_000_000
    /// Processes whose pages are remembered.
    private static let mostProcesses = 4096

    package init(percent: UInt32) { state = Mutex(State(percent: percent)) }

    /// Percent of one CPU; 100 for any number of them.
    package var percent: UInt32 {
        get { state.withLock { $0.percent } }
        set { state.withLock { $0.percent = newValue } }
    }

    /// A process has so many pages: it brings time for those that it has never had before.
    ///
    /// - Parameter now: The monotonic clock, in nanoseconds.
    package func grant(pages: UInt64, to process: Int32, now: UInt64) {
        state.withLock { state in
            if state.mostPages.count >= Self.mostProcesses { state.mostPages.removeAll() }
            let before = state.mostPages[process] ?? 0
            guard pages > before else { return }
            state.mostPages[process] = pages
            let time = Int64(clamping: (pages - before).multipliedReportingOverflow(by: Self.perPage).partialValue)
            if now >= state.grantEnd { state.granted = 0 }
            state.granted = min(Self.mostGranted, state.granted + max(0, min(time, Self.mostGranted)))
            state.grantEnd = now + Self.grantHolds
        }
    }

    /// Counts CPU time that was used.
    ///
    /// - Parameter now: The monotonic clock, in nanoseconds.
    package func use(_ nanoseconds: UInt64, now: UInt64) {
        state.withLock { state in
            guard state.percent < 100 else { return }
            state.count(to: now)
            let used = Int64(clamping: min(nanoseconds, 60_000_000_000))
            let ofGrant = min(used, state.granted)
            state.granted -= ofGrant
            state.left = max(-Self.mostOwed, state.left - (used - ofGrant))
        }
    }

    /// For how many nanoseconds nothing more may be used.
    ///
    /// - Parameter now: The monotonic clock, in nanoseconds.
    package func wait(now: UInt64) -> UInt64 {
        state.withLock { state in
            guard state.percent < 100 else { return 0 }
            state.count(to: now)
            guard state.left < 0, state.granted == 0 else { return 0 }
            return UInt64(-state.left) * 100 / UInt64(max(1, state.percent))
        }
    }
}

extension CPUShare.State {
    /// Counts the time that has passed.
    fileprivate mutating func count(to now: UInt64) {
        let passed = counted == 0 ? 0 : now &- min(now, counted)
        counted = max(now, counted)
        if now >= grantEnd { granted = 0 }
        let gained = Int64(clamping: min(passed, 100_000_000_000) * UInt64(percent) / 100)
        left = min(Int64(percent) * 10_000_000, left + gained)
    }
}
