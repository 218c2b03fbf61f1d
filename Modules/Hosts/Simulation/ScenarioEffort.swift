/// What a scenario may ask for, so that a slip of the keyboard does not take all memory and time of the machine that
/// simulates it.
public struct ScenarioEffort: Sendable, Hashable {
    /// The most pages that its programs map in all, children's included: 32 TiB of pages of 4 KiB.
    public static let mostMapped: UInt64 = 1 << 33
    /// The most pages that they write, pin and read in all, children's copies included: 64 GiB of pages of 4 KiB.
    public static let mostTouched: UInt64 = 1 << 24
    /// The most full scans and wake-ups that it waits for.
    public static let mostScans: UInt64 = 100_000

    /// Pages mapped so far.
    public private(set) var mapped: UInt64 = 0
    /// Pages written, pinned and read so far.
    public private(set) var touched: UInt64 = 0
    /// Full scans and wake-ups asked for so far.
    public private(set) var scans: UInt64 = 0

    mutating func map(_ pages: UInt64, _ step: Scenario.Step) throws(ScenarioFailure) {
        try Self.add(pages, to: &mapped, most: Self.mostMapped, "pages mapped", step)
    }

    mutating func touch(_ pages: UInt64, _ step: Scenario.Step) throws(ScenarioFailure) {
        try Self.add(pages, to: &touched, most: Self.mostTouched, "pages written, pinned and read", step)
    }

    mutating func run(_ count: UInt64, _ step: Scenario.Step) throws(ScenarioFailure) {
        try Self.add(count, to: &scans, most: Self.mostScans, "full scans and wake-ups", step)
    }

    private static func add(
        _ count: UInt64, to sum: inout UInt64, most: UInt64, _ what: String, _ step: Scenario.Step
    ) throws(ScenarioFailure) {
        guard count <= most - sum else { throw ScenarioFailure(step, "a scenario has at most \(most) \(what) in all") }
        sum += count
    }
}
