import Remap
import Testing

/// Which runs get map entries: arithmetic alone, on any machine.
@Suite("Map budget")
struct MapBudgetTests {
    private static let systemLimit = 65_530
    private static let second: UInt64 = 1_000_000_000

    /// Half of Linux's limit: 32,765 entries.
    private func budget(using entries: Int, at now: UInt64 = second) -> MapBudget {
        var budget = MapBudget(percent: 50)
        budget.count(entries, of: Self.systemLimit, at: now)
        budget.ease(at: now)
        return budget
    }

    @Test("the fewer entries are left, the longer a run must be")
    func longRunsFirst() {
        let runs = stride(from: 0, through: 32_765, by: 1024).map { budget(using: $0).shortestRun }
        #expect(runs.first == 1 && runs.last == 16)
        for (before, after) in zip(runs, runs.dropFirst()) { #expect(before! <= after!) }
        #expect(Set(runs) == [1, 2, 4, 8, 16])
        for entries in [32_763, 32_764, 32_765, 40_000] { #expect(budget(using: entries).shortestRun == nil) }
        #expect(budget(using: 32_762).entriesLeft == 1)
    }

    @Test("short runs have their turn when next to nothing is taken, but for the last sixteenth")
    func easing() {
        var budget = budget(using: 26_000)
        #expect(budget.shortestRun == 2)
        budget.ease(at: Self.second + MapBudget.calm - 1)
        #expect(budget.shortestRun == 2)
        budget.ease(at: Self.second + MapBudget.calm)
        #expect(budget.shortestRun == 1)
        // What they take does not hold up those of their length, but must be little before shorter ones come.
        budget.add(1000)
        budget.ease(at: Self.second + 2 * MapBudget.calm)
        #expect(budget.shortestRun == 2)
        budget.ease(at: Self.second + 3 * MapBudget.calm)
        #expect(budget.shortestRun == 1)
        budget.add(3800)
        for round in 4..<20 { budget.ease(at: Self.second + UInt64(round) * MapBudget.calm) }
        #expect(budget.shortestRun == 16)
        budget.add(1963)
        #expect(budget.shortestRun == nil)
    }

    @Test("how many entries are left is said without those that are kept for longer runs", arguments: 0..<6)
    func leftForShortest(timesEased: Int) {
        for entries in stride(from: 0, through: 32_700, by: 100) {
            var budget = budget(using: entries)
            for round in 1..<(1 + timesEased) { budget.ease(at: Self.second + UInt64(round) * MapBudget.calm) }
            let (run, left) = (budget.shortestRun!, budget.entriesLeftForShortest)
            #expect(left == (run == 16 ? budget.entriesLeft : budget.entriesLeft - 2046))
            #expect(left > 0)
            budget.add(left - 1)
            #expect(run == 16 ? budget.shortestRun == 16 : budget.shortestRun! < 16)
            budget.add(1)
            #expect(budget.shortestRun == (run == 16 ? nil : 16))
        }
    }

    @Test("when many entries are free again, long runs come first again")
    func anew() {
        var budget = budget(using: 30_000)
        for round in 1..<6 { budget.ease(at: Self.second + UInt64(round) * MapBudget.calm) }
        #expect(budget.shortestRun == 1)
        let later = 100 * Self.second
        budget.count(1000, of: Self.systemLimit, at: later)
        budget.ease(at: later)
        #expect(budget.shortestRun == 1)
        budget.add(29_000)
        #expect(budget.shortestRun == 8)
    }

    @Test("runs of one window take no more together than is left")
    func oneWindow() {
        var budget = budget(using: 27_000)
        for round in 1..<6 { budget.ease(at: Self.second + UInt64(round) * MapBudget.calm) }
        let admitted = (0..<4000).count { _ in budget.admits(run: 1) }
        // Two for each, and a sixteenth is left.
        #expect((1850...1860).contains(admitted), "\(admitted)")
        #expect(!budget.admits(run: 15) && budget.admits(run: 16))
        // They took one each.
        budget.settle(admitted)
        #expect(budget.inUse == 27_000 + admitted && budget.admits(run: 1))
        budget.settle(0)
        #expect(budget.inUse == 27_000 + admitted)
    }

    @Test("entries are counted again when merging has changed many, and sooner while there are few")
    func age() {
        var budget = budget(using: 1000)
        #expect(!budget.isOld(at: 10 * Self.second))
        #expect(budget.isOld(at: 12 * Self.second))
        budget.add(-3000)
        #expect(budget.isOld(at: Self.second))
        budget.count(30_000, of: Self.systemLimit, at: 20 * Self.second)
        #expect(!budget.isOld(at: 21 * Self.second))
        #expect(budget.isOld(at: 21 * Self.second + 1))
        // Counting a million takes long.
        budget.percent = 90
        budget.count(900_000, of: 1_048_576, at: 30 * Self.second)
        #expect(!budget.isOld(at: 43 * Self.second) && budget.isOld(at: 44 * Self.second))
    }

    @Test("nothing is known before the first count")
    func unknown() {
        let budget = MapBudget()
        #expect(budget.limit == 0 && budget.shortestRun == nil && budget.isOld(at: 20 * Self.second))
        #expect(self.budget(using: 65_400).isExhausted && !self.budget(using: 65_000).isExhausted)
    }
}
