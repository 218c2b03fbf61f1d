import PageChecksum
import PageMemory
import PageTree
import SimulatedMemory
import Testing
import XXHashChecksum

let testChecksum = XXH3Checksum()

@Suite("Simulated memory")
struct SimulatedMemoryTests {
    let memory = SimulatedMemory(pageSize: 64, checksum: testChecksum)
    let space = AddressSpaceID(rawValue: 1)

    func page(_ index: UInt32, of area: UInt32 = 1) -> PageAddress {
        PageAddress(area: AreaID(rawValue: area), index: index)
    }

    func bytes(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: 64) }

    func register(_ area: UInt32 = 1, at firstPage: UInt64 = 0, pages: UInt32 = 16) {
        memory.register(Area(id: AreaID(rawValue: area), space: space, firstPage: firstPage, pageCount: pages))
    }

    func merge(_ pages: [PageAddress], rowLength: UInt32 = 1) -> MergeOutcome {
        let group = MergeGroup(source: .page(pages[0]), digest: memory.digest(of: pages[0]), rowLength: rowLength)
        var outcome = MergeOutcome()
        memory.merge(MergePlan(groups: [group], sites: pages.map { MergeSite(page: $0, group: 0) }), into: &outcome)
        return outcome
    }

    func observe(_ area: UInt32 = 1) throws -> [ObservedRun] {
        var runs: [ObservedRun] = []
        try memory.observe(AreaID(rawValue: area), pages: 0..<UInt32.max, into: &runs)
        return runs
    }

    @Test("costs and answers follow the pages that exist, however long the area")
    func hugeAreaWithHoles() throws {
        register(at: 5, pages: .max)
        memory.write([1], to: page(0))
        memory.write([1], to: page(4_000_000_000))
        #expect(try observe().map(\.start) == [0, 4_000_000_000])
        #expect(try observe().isEmpty)
        #expect(memory.census().own == 2)
    }

    @Test("writes go where they are meant to, and no further")
    func partialWrites() {
        register()
        memory.write([1, 2, 3], at: 6, to: page(3))
        var expected = bytes(0)
        expected[6...8] = [1, 2, 3]
        #expect(memory.read(page(3)) == expected)
        memory.write([9], at: 63, to: page(3))
        expected[63] = 9
        #expect(memory.read(page(3)) == expected)
        #expect(memory.read(page(2)) == bytes(0) && !memory.exists(page(2)))
    }

    @Test("frames count their mappers, and are freed by the last of them")
    func framesAreFreed() throws {
        register()
        for index in 0..<3 { memory.write(bytes(7), to: page(UInt32(index))) }
        let row = try #require(merge([page(0), page(1), page(2)]).rows[0])
        #expect(memory.census() == census(merged: 3, frames: 1))
        #expect(memory.frame(of: page(0)) == row.first)
        memory.write([1], to: page(0))
        memory.discard(page(1))
        #expect(memory.census() == census(merged: 1, own: 1, frames: 1))
        memory.unmap(AreaID(rawValue: 1))
        #expect(memory.census() == census(frames: 1, unmapped: 1))
        memory.release([row])
        #expect(memory.census() == SimulatedCensus())
        #expect(memory.violations.isEmpty && memory.bookkeepingViolations().isEmpty)
    }

    @Test("a frame that is released while a registered page maps it is a violation, and lives on")
    func earlyReleaseIsNoticed() throws {
        register()
        memory.write(bytes(7), to: page(0))
        let row = try #require(merge([page(0)]).rows[0])
        memory.release([row])
        #expect(memory.violations.count == 1)
        #expect(memory.read(page(0)) == bytes(7))
        memory.release([row])
        #expect(memory.violations.count == 2)
    }

    @Test("pages that nobody knows any more keep their frame until they are done")
    func orphansKeepFrames() throws {
        register()
        memory.write(bytes(7), to: page(0))
        let row = try #require(merge([page(0)]).rows[0])
        memory.unregister(AreaID(rawValue: 1))
        memory.release([row])
        #expect(memory.violations.isEmpty)
        #expect(memory.census().orphanedFrames == 1)
        #expect(memory.read(0, of: space) == bytes(7))
        register(2)
        #expect(try observe(2) == [ObservedRun(start: 0, count: 1, state: .changed)])
        memory.write([1], to: 0, of: space)
        #expect(memory.census().orphanedFrames == 0)
    }

    @Test("a program that ends leaves nothing behind")
    func exitDropsEverything() throws {
        register(1)
        register(2, at: 100)
        for area in [1, 2] as [UInt32] { memory.write(bytes(7), to: page(0, of: area)) }
        let row = try #require(merge([page(0), page(0, of: 2)]).rows[0])
        memory.exit(space)
        memory.release([row])
        #expect(memory.census() == SimulatedCensus() && memory.registeredAreas.isEmpty)
    }

    @Test("unsound plans are noticed")
    func unsoundPlans() {
        register()
        memory.write(bytes(7), to: page(0))
        var outcome = MergeOutcome()
        let digest = memory.digest(of: page(0))
        let site = MergeSite(page: page(0), group: 0)
        for (source, sites) in [
            (MergeSource.page(page(1)), [site]), (.page(page(0)), [site, site]), (.copy(Frame(rawValue: 99)), [site]),
            (.row(FrameRow(first: Frame(rawValue: 99), count: 1)), [site]),
        ] {
            let before = memory.violations.count
            let group = MergeGroup(source: source, digest: digest, rowLength: 1)
            memory.merge(MergePlan(groups: [group], sites: sites), into: &outcome)
            #expect(memory.violations.count == before + 1)
        }
    }

    @Test("the tally tells work from idleness")
    func tallies() throws {
        register()
        for index in 0..<4 { memory.write(bytes(7), to: page(UInt32(index))) }
        _ = try observe()
        #expect(memory.tally.isIdle && memory.tally.pagesReported == 4)
        _ = merge([page(0), page(1)])
        #expect(memory.tally.sitesMerged == 2 && memory.tally.mergeSites == 2)
        #expect(memory.tally.bytesRead == 64 * 4, "a digest, the filling, and two comparisons")
        memory.tally = SimulatedTally()
        _ = try observe()
        #expect(memory.tally.isIdle && memory.tally.observations == 1 && memory.tally.pagesReported == 0)
    }

    func census(merged: Int = 0, own: Int = 0, frames: Int = 0, unmapped: Int = 0) -> SimulatedCensus {
        var census = SimulatedCensus()
        census.merged = merged
        census.own = own
        census.frames = frames
        census.unmappedFrames = unmapped
        return census
    }
}
