import PageChecksum
import PageMemory
import PageTree
import SimulatedMemory
import Testing

@Suite("Interference with simulated memory")
struct InterferenceTests {
    let memory = SimulatedMemory(pageSize: 64, checksum: testChecksum)
    let area = AreaID(rawValue: 1)
    let old = [UInt8](repeating: 7, count: 64)
    let new = [UInt8](repeating: 8, count: 64)

    init() {
        memory.register(Area(id: area, space: AddressSpaceID(rawValue: 1), firstPage: 0, pageCount: 16))
        for index in 0..<3 { memory.write(old, to: page(UInt32(index))) }
    }

    func page(_ index: UInt32) -> PageAddress { PageAddress(area: area, index: index) }

    func merge() -> MergeOutcome {
        let group = MergeGroup(source: .page(page(0)), digest: memory.digest(of: page(0)), rowLength: 1)
        var outcome = MergeOutcome()
        memory.merge(
            MergePlan(groups: [group], sites: (0..<3).map { MergeSite(page: page($0), group: 0) }), into: &outcome)
        return outcome
    }

    func write(_ index: UInt32, at moment: SimulatedMoment) {
        let (page, new) = (page(index), new)
        memory.interference = { if $1 == moment { $0.write(new, to: page) } }
    }

    @Test("the source changes before it is copied: nothing is merged")
    func sourceChangesBefore() {
        write(0, at: .beforeFilling(group: 0))
        let outcome = merge()
        #expect(outcome.sites == [.changed, .changed, .changed] && outcome.rows == [nil])
        #expect(memory.read(page(0)) == new && memory.read(page(1)) == old)
    }

    @Test("the source changes after it was copied: the others are merged")
    func sourceChangesAfter() {
        write(0, at: .afterFilling(group: 0))
        #expect(merge().sites == [.changed, .merged, .merged])
        #expect(memory.read(page(0)) == new && memory.read(page(1)) == old)
    }

    @Test("a page changes before it is verified, or after it was mapped")
    func siteChanges() throws {
        write(1, at: .beforeVerifying(page(1)))
        #expect(merge().sites == [.merged, .changed, .merged])
        write(2, at: .afterMapping(page(2)))
        memory.write(old, to: page(2))
        #expect(merge().sites == [.merged, .changed, .merged])
        #expect((0..<3).map { memory.read(page($0)) } == [old, new, new])
        #expect(memory.bookkeepingViolations().isEmpty)
    }

    @Test("writes around an observation are reported by it or by the next")
    func writesAroundObservation() throws {
        var runs: [ObservedRun] = []
        try memory.observe(area, pages: 0..<16, into: &runs)
        write(0, at: .beforeObserving(area))
        try memory.observe(area, pages: 0..<16, into: &runs)
        #expect(runs == [ObservedRun(start: 0, count: 1, state: .changed)])
        write(1, at: .afterObserving(area))
        try memory.observe(area, pages: 0..<16, into: &runs)
        #expect(runs.isEmpty)
        memory.interference = nil
        try memory.observe(area, pages: 0..<16, into: &runs)
        #expect(runs == [ObservedRun(start: 1, count: 1, state: .changed)])
    }

    @Test("the area goes in the middle of a batch")
    func areaGoes() throws {
        let third = page(2)
        memory.interference = { if $1 == .beforeVerifying(third) { $0.unmap(third.area) } }
        let outcome = merge()
        #expect(outcome.sites == [.merged, .merged, .gone])
        memory.release(outcome.rows.compactMap { $0 })
        #expect(memory.census() == SimulatedCensus() && memory.violations.isEmpty)
    }

    @Test("refusals", arguments: [SiteOutcome.busy, .mapLimit, .outOfMemory, .unsupported])
    func refusals(answer: SiteOutcome) {
        let second = page(1)
        memory.refusal = { $0 == .merge && $1 == second ? answer : nil }
        #expect(merge().sites == [.merged, answer, .merged])
        memory.refusal = { step, _ in step == .fill ? answer : nil }
        let outcome = merge()
        #expect(outcome.sites == [answer, answer, answer] && outcome.rows == [nil])
        memory.refusal = { step, _ in step == .unmerge ? answer : nil }
        var outcomes: [SiteOutcome] = []
        memory.unmerge((0..<3).map(page), into: &outcomes)
        #expect(outcomes == [answer, .merged, answer])
        #expect((0..<3).map { memory.read(page($0)) } == [old, old, old])
    }

    @Test("a page changes while it is compared and while it gets a checksum")
    func readingRaces() {
        write(0, at: .beforeComparing(.page(page(0)), .page(page(1))))
        #expect(memory.compare(.page(page(0)), .page(page(1))) == .after)
        write(1, at: .beforeChecksum(page(1)))
        #expect(memory.digest(of: page(1)) == memory.digest(of: page(0)))
    }
}
