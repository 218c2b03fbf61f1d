import Remap
import Wire

/// What is known of the map entries of a process, which its agent counts: no frames are made for runs of pages that it would
/// not map.
struct KnownEntries {
    /// Of the entries that merging may leave a process with, which the agent tells: all of them.
    private var budget = MapBudget(percent: 100)
    /// The longest run that its agent has refused since it last told its entries.
    private var refusedRun = 0
    /// When to ask next while they are short, and how long after that again, in nanoseconds.
    private var nextQuestion: UInt64 = 0
    private var interval = MapBudget.calm

    private static var longestInterval: UInt64 { 64_000_000_000 }

    /// The shortest run of pages for which the agent makes map entries, as far as known.
    var shortestRun: Int {
        let run = budget.limit > 0 ? budget.shortestRun ?? .max : 1
        return max(run, refusedRun + 1)
    }

    /// Whether there are runs too short for the entries that are left.
    var areShort: Bool { shortestRun > 1 }

    /// The agent has refused a run of so many pages.
    mutating func refused(run: Int) { refusedRun = max(refusedRun, run) }

    /// Whether the agent must be asked: they were short when it last told, and may not be by now. The longer nothing changes,
    /// the longer nobody asks.
    mutating func mustAsk(at now: UInt64) -> Bool {
        guard areShort, now >= nextQuestion else { return false }
        nextQuestion = now &+ interval
        interval = min(2 * interval, Self.longestInterval)
        return true
    }

    /// The agent has told how many there are.
    mutating func told(_ figures: WireStatistics, at now: UInt64) {
        let before = shortestRun
        budget.count(Int(figures.mapEntries), of: Int(figures.mapEntryLimit), at: now)
        refusedRun = 0
        if shortestRun < before { interval = MapBudget.calm }
    }
}
