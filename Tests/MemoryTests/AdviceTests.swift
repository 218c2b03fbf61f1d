import PageMemory
import SimulatedMemory
import Testing

@Suite("Mappings and advice of simulated memory")
struct AdviceTests {
    let memory = SimulatedMemory(pageSize: 64, nodeCount: 2, checksum: testChecksum)
    let space = AddressSpaceID(rawValue: 1)

    /// The areas that came, and the numbers of those that went, since the last call.
    func changes() -> (added: [Area], removed: [AreaID]) {
        var changes: (added: [Area], removed: [AreaID]) = ([], [])
        for change in memory.takeAreaChanges() {
            switch change {
            case .added(let area): changes.added.append(area)
            case .removed(let area): changes.removed.append(area)
            }
        }
        return changes
    }

    func observe(_ area: AreaID, _ pages: Range<UInt32> = 0..<UInt32.max) throws -> [ObservedRun] {
        var runs: [ObservedRun] = []
        try memory.observe(area, pages: pages, into: &runs)
        return runs
    }

    @Test("shared memory and devices take the advice, and are never mergeable", arguments: SimulatedMapping.allCases)
    func kinds(kind: SimulatedMapping) throws {
        try memory.map(space, pages: 0..<8, kind: kind)
        try memory.fill(space, 0..<8, with: 7)
        try memory.advise(space, 0..<8, .mergeable)
        try memory.advise(space, 0..<8, .mergeable)
        #expect(changes().added.map(\.pageCount) == (kind == .anonymous ? [8] : []))
        try memory.advise(space, 0..<8, .unmergeable)
        let child = try memory.fork(space)
        try memory.store([1], to: 0, of: child)
        #expect(try memory.load(0, of: space)[0] == (kind == .anonymous ? 7 : 1), "parent and child share the rest")
        #expect(memory.bookkeepingViolations().isEmpty)
    }

    @Test("discarding: private memory reads as zeros, shared memory stays, that of a device is refused")
    func discarding() throws {
        for (number, kind) in SimulatedMapping.allCases.enumerated() {
            let page = UInt64(number)
            try memory.map(space, pages: page..<page + 1, kind: kind)
            try memory.store([7], to: page, of: space)
            if kind == .special {
                #expect(throws: SimulatedFault.invalid) { try memory.advise(space, page..<page + 1, .dontNeed) }
            } else {
                try memory.advise(space, page..<page + 1, .dontNeed)
            }
            #expect(try memory.load(page, of: space)[0] == (kind == .anonymous ? 0 : 7), "\(kind)")
        }
    }

    @Test("holes are told after the rest was worked on; no pages are no error, reversed ones are")
    func holes() throws {
        for first in [0, 10, 20] as [UInt64] { try memory.map(space, pages: first..<first + 4) }
        #expect(throws: SimulatedFault.noMemory) { try memory.advise(space, 0..<24, .mergeable) }
        #expect(changes().added.map(\.firstPage) == [0, 10, 20])
        #expect(throws: SimulatedFault.noMemory) { try memory.advise(space, 2..<24, .unmergeable) }
        #expect(throws: SimulatedFault.noMemory) { try memory.advise(AddressSpaceID(rawValue: 9), 0..<1, .mergeable) }
        try memory.advise(space, 5..<5, .mergeable)
        try memory.advise(space, from: 5, to: 5, .mergeable)
        #expect(throws: SimulatedFault.invalid) { try memory.advise(space, from: 5, to: 4, .mergeable) }
    }

    @Test("the first advice of a program takes memory, and where there is none is to be tried again")
    func registration() throws {
        try memory.map(space, pages: 0..<8)
        memory.allocationsUntilFailure = 0
        #expect(throws: SimulatedFault.tryAgain) { try memory.advise(space, 0..<8, .mergeable) }
        #expect(changes().added.isEmpty && memory.registeredAreas.isEmpty)
        memory.allocationsUntilFailure = 1
        try memory.advise(space, 0..<4, .mergeable)
        try memory.advise(space, 4..<8, .mergeable)
        #expect(changes().added.count == 2)
    }

    @Test("an area goes when all of it was seen to be without mergeable pages, and comes back with new advice")
    func departed() throws {
        try memory.map(space, pages: 0..<8)
        try memory.advise(space, 0..<8, .mergeable)
        let area = try #require(changes().added.first?.id)
        try memory.fill(space, 0..<8, with: 7)
        _ = try observe(area)
        try memory.advise(space, 0..<4, .unmergeable)
        #expect(try observe(area) == [ObservedRun(start: 0, count: 4, state: .discarded)])
        #expect(changes().removed.isEmpty)
        memory.unmap(space, 4..<8)
        #expect(try observe(area, 0..<4).isEmpty && changes().removed.isEmpty, "half of it was looked at")
        _ = try observe(area, 4..<8)
        #expect(changes().removed == [area])
        #expect(throws: PageMemoryError.noSuchArea(area)) { _ = try observe(area) }
        try memory.advise(space, 0..<4, .mergeable)
        let new = try #require(changes().added.first)
        #expect(new.id != area && new.pageCount == 4)
        #expect(try observe(new.id) == [ObservedRun(start: 0, count: 4, state: .changed)])
        memory.exit(space)
        #expect(changes().removed == [new.id] && memory.registeredAreas.isEmpty)
    }

    @Test("a mapping of more pages than an area may have becomes several")
    func longMapping() throws {
        try memory.map(space, pages: 0..<5 << 30)
        try memory.advise(space, 0..<5 << 30, .mergeable)
        #expect(changes().added.map(\.pageCount) == [1 << 31, 1 << 31, 1 << 30])
        #expect(memory.bookkeepingViolations().isEmpty)
    }

    @Test("a frame lies on the node of the page that it was filled from")
    func nodes() throws {
        try memory.map(space, pages: 0..<2, node: 1)
        try memory.map(space, pages: 2..<4, node: 0)
        try memory.advise(space, 0..<4, .mergeable)
        try memory.fill(space, 0..<4, with: 7)
        let pages = changes().added.flatMap { area in (0..<2).map { PageAddress(area: area.id, index: $0) } }
        #expect(pages.map(memory.node(of:)) == [1, 1, 0, 0])
        let group = MergeGroup(source: .page(pages[1]), digest: memory.digest(of: pages[1]), rowLength: 1)
        var outcome = MergeOutcome()
        memory.merge(
            MergePlan(groups: [group], sites: pages.map { MergeSite(page: $0, group: 0) }), into: &outcome)
        #expect(pages.map(memory.node(of:)) == [1, 1, 1, 1])
        try memory.store([1], to: 3, of: space)
        #expect(memory.node(of: pages[3]) == 0)
    }
}
