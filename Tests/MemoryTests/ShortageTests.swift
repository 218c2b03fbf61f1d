import PageMemory
import SimulatedMemory
import Testing

@Suite("Pins, and want of memory")
struct ShortageTests {
    let memory = SimulatedMemory(pageSize: 64, checksum: testChecksum)
    let space = AddressSpaceID(rawValue: 1)

    /// Eight mergeable pages of sevens.
    init() throws {
        try memory.map(space, pages: 0..<8)
        try memory.advise(space, 0..<8, .mergeable)
        try memory.fill(space, 0..<8, with: 7)
    }

    var pages: [PageAddress] { (0..<8).map { PageAddress(area: memory.registeredAreas[0].id, index: $0) } }

    func merge(rowLength: UInt32 = 1) -> MergeOutcome {
        let group = MergeGroup(source: .page(pages[0]), digest: memory.digest(of: pages[0]), rowLength: rowLength)
        var outcome = MergeOutcome()
        memory.merge(
            MergePlan(groups: [group], sites: pages.map { MergeSite(page: $0, group: 0) }), into: &outcome)
        return outcome
    }

    func expectUntouched(_ comment: Comment? = nil) throws {
        for page in 0..<8 as Range<UInt64> {
            let bytes = try memory.load(page, of: space)
            #expect(bytes == [UInt8](repeating: 7, count: 64), comment)
        }
        #expect(memory.bookkeepingViolations() + memory.violations == [], comment)
    }

    @Test("a pinned page has memory of its own and is busy until the last pin is taken off")
    func pins() throws {
        _ = merge()
        try memory.pin(3, of: space)
        try memory.pin(3, of: space)
        #expect(memory.state(of: 3, in: space) == .present)
        #expect(memory.census().pinned == 1)
        for _ in 0..<2 {
            let sites = merge().sites
            #expect(sites[3] == .busy && sites[4] == .merged)
            memory.unpin(3, of: space)
        }
        memory.unpin(3, of: space)
        #expect(merge().sites[3] == .merged)
        #expect(throws: SimulatedFault.badAddress) { try memory.pin(99, of: space) }
        try expectUntouched()
    }

    @Test("a child gets a copy of a pinned page at once; what is discarded is pinned no more")
    func pinsAndForks() throws {
        try memory.pin(3, of: space)
        let child = try memory.fork(space)
        #expect(memory.state(of: 3, in: child) == .present)
        #expect(memory.state(of: 3, in: space) == .present)
        #expect(memory.state(of: 4, in: child) == .copyOnWrite)
        try memory.advise(space, 3..<4, .dontNeed)
        #expect(memory.census().pinned == 0)
        memory.exit(child)
        #expect(memory.bookkeepingViolations() == [])
    }

    @Test("frames that find no memory merge nothing, whatever is missing", arguments: 0..<4)
    func merging(left: Int) throws {
        memory.allocationsUntilFailure = left
        let outcome = merge(rowLength: 4)
        #expect(outcome.sites.allSatisfy { $0 == .outOfMemory } && outcome.rows == [nil])
        #expect(memory.census().frames == 0)
        try expectUntouched()
        memory.allocationsUntilFailure = 4
        #expect(merge(rowLength: 4).sites.allSatisfy { $0 == .merged })
        try expectUntouched()
    }

    @Test("pages that find no memory stay merged, the others do not", arguments: 0..<8)
    func unmerging(left: Int) throws {
        _ = merge()
        memory.allocationsUntilFailure = left
        var outcome: [SiteOutcome] = []
        memory.unmerge(pages, into: &outcome)
        #expect(outcome == (0..<8).map { $0 < left ? .merged : .outOfMemory })
        #expect(memory.census().merged == 8 - left)
        try expectUntouched()
        memory.allocationsUntilFailure = nil
        memory.unmerge(pages, into: &outcome)
        #expect(memory.census().merged == 0)
        try expectUntouched()
    }

    @Test("advice and moves that find no memory leave the rest merged, and succeed later", arguments: 0..<8)
    func advising(left: Int) throws {
        _ = merge()
        memory.allocationsUntilFailure = left
        #expect(throws: SimulatedFault.tryAgain) { try memory.advise(space, 0..<8, .unmergeable) }
        try expectUntouched()
        memory.allocationsUntilFailure = 0
        #expect(throws: SimulatedFault.noMemory) { try memory.remap(space, from: 0..<8, to: 100) }
        try expectUntouched()
        memory.allocationsUntilFailure = nil
        try memory.advise(space, 0..<8, .unmergeable)
        #expect(memory.census().merged == 0)
        try expectUntouched()
    }

    @Test("a fork that finds no memory makes no child")
    func forking() throws {
        _ = merge()
        var left = 0
        while true {
            memory.allocationsUntilFailure = left
            do throws(SimulatedFault) {
                memory.exit(try memory.fork(space))
                break
            } catch {
                #expect(error == .noMemory && memory.registeredAreas.count == 1)
            }
            left += 1
        }
        #expect(left == 3, "a child, its mapping and its page table")
        try expectUntouched()
    }
}
