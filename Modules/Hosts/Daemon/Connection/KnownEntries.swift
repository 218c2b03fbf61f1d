import Wire

/// What is known of the map entries of a process, whose agent gives them to runs of pages as it sees fit: no frames are made
/// for runs that it would not map.
struct KnownEntries {
    /// Whether its agent can be asked.
    let canTell: Bool
    /// What it last said; `nil` before it said anything.
    private var told: WireEntries?
    /// When that was; of an agent that cannot say anything, when it last refused a run.
    private var toldAt: UInt64 = 0
    /// What merging took since, at most.
    private var taken = 0
    /// The longest run that was refused since.
    private var refusedRun = 0

    /// The program makes and gives back entries itself: what was said so long ago, in nanoseconds, is out of date.
    private static var longestAge: UInt64 { 10_000_000_000 }

    /// Nothing is known yet.
    init(of hello: WireHello) { canTell = hello.flags & WireHello.tellsEntries != 0 }

    /// Whether so many pages may be more than merging has entries for, so that the agent must be asked.
    mutating func mayLack(for sites: Int, at now: UInt64) -> Bool {
        guard canTell else {
            if now &- toldAt >= Self.longestAge { refusedRun = 0 }
            return refusedRun > 0
        }
        guard let told, now &- toldAt < Self.longestAge, refusedRun == 0, told.shortestRun == 1 else { return true }
        return Int(told.left) - taken - 2 * sites < Int(told.limit) / 16
    }

    /// The agent has said how many there are.
    mutating func told(_ entries: WireEntries, at now: UInt64) {
        told = entries
        toldAt = now
        taken = 0
        refusedRun = 0
    }

    /// Whether the agent may map a run of so many pages; two entries are set aside for it then.
    mutating func admits(run: Int) -> Bool {
        guard run > refusedRun else { return false }
        guard let told else { return true }
        guard run >= Int(told.shortestRun), Int(told.left) - taken > 0 else { return false }
        taken += 2
        return true
    }

    /// The agent was asked to map a run of so many pages.
    mutating func note(run: Int, isRefused: Bool, at now: UInt64) {
        guard isRefused else {
            taken += 2
            return
        }
        refusedRun = max(refusedRun, run)
        if !canTell { toldAt = now }
    }
}
