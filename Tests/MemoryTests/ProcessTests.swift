import Conformance
import PageMemory
import PageTree
import SimulatedMemory
import Testing

@Suite("Processes of simulated memory")
struct ProcessTests {
    let memory = SimulatedMemory(pageSize: 64, checksum: testChecksum)
    let space = AddressSpaceID(rawValue: 1)

    func bytes(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: 64) }

    @Test("a child inherits areas, merged pages and copy-on-write pages")
    func fork() throws {
        try memory.map(space, pages: 0..<8)
        try memory.advise(space, 0..<8, .mergeable)
        guard case .added(let area) = memory.takeAreaChanges().first else { throw SimulatedFault.invalid }
        try memory.fill(space, 0..<3, with: 7)
        let pages = (0..<3).map { PageAddress(area: area.id, index: $0) }
        let group = MergeGroup(source: .page(pages[0]), digest: memory.digest(of: pages[0]), rowLength: 1)
        var outcome = MergeOutcome()
        let plan = MergePlan(groups: [group], sites: pages[..<2].map { MergeSite(page: $0, group: 0) })
        memory.merge(plan, into: &outcome)
        let child = try memory.fork(space)
        guard case .added(let other) = memory.takeAreaChanges().first else { throw SimulatedFault.invalid }
        var runs: [ObservedRun] = []
        try memory.observe(other.id, pages: 0..<8, into: &runs)
        #expect(runs.map(\.state) == [.inherited, .changed])
        #expect(memory.isSamePhysicalPage(pages[2], PageAddress(area: other.id, index: 2)))
        #expect(memory.state(of: 2, in: child) == .copyOnWrite)
        try memory.store([1], to: 2, of: child)
        #expect(try memory.load(2, of: space) == bytes(7))
        #expect(memory.state(of: 2, in: space) == .writeProtected)
        memory.exit(space)
        #expect(try memory.load(0, of: child) == bytes(7))
        #expect(memory.bookkeepingViolations().isEmpty && memory.violations.isEmpty)
    }

    @Test("random operations agree with a plain model", arguments: 1...20 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var model: [AddressSpaceID: [UInt64: UInt8]] = [space: [:]]
        try memory.map(space, pages: 0..<32)
        for step in 0..<300 {
            let id = model.keys.sorted().randomElement(using: &random)!
            let page = UInt64.random(in: 0..<32, using: &random)
            memory.allocationsUntilFailure = Int.random(in: 0..<4, using: &random) == 0 ? 0 : nil
            do throws(SimulatedFault) {
                switch Int.random(in: 0..<10, using: &random) {
                case 0 where model.count < 5: model[try memory.fork(id)] = model[id]
                case 1 where model.count > 1:
                    memory.exit(id)
                    model[id] = nil
                case 2: try memory.advise(id, page..<32, .mergeable)
                case 3: try memory.advise(id, page..<32, .unmergeable)
                case 4:
                    try memory.advise(id, page..<page + 1, .dontNeed)
                    model[id]![page] = nil
                case 5:
                    let target = (page + 8) % 32
                    try memory.remap(id, from: page..<page + 1, to: target)
                    model[id]![target] = model[id]!.removeValue(forKey: page)
                    memory.allocationsUntilFailure = nil
                    try memory.map(id, pages: page..<page + 1)
                default:
                    let byte = UInt8.random(in: 0..<3, using: &random)
                    try memory.fill(id, page..<page + 1, with: byte)
                    model[id]![page] = byte
                }
            } catch {}
            // Memory may end while pages are merged and un-merged, too.
            memory.allocationsUntilFailure = Bool.random(using: &random) ? Int.random(in: 0..<6, using: &random) : nil
            mergeSome(&random)
            memory.allocationsUntilFailure = nil
            for (id, pages) in model {
                for page in 0..<32 as Range<UInt64> {
                    let read = try memory.load(page, of: id)
                    #expect(read == bytes(pages[page] ?? 0), "seed \(seed), step \(step), page \(page)")
                }
            }
            let found = memory.bookkeepingViolations() + memory.violations
            #expect(found == [], "seed \(seed), step \(step)")
        }
    }

    /// Merges pages that may or may not be equal, and un-merges others.
    func mergeSome(_ random: inout SplitMix64) {
        let pages = memory.registeredAreas.flatMap { area in
            (0..<area.pageCount).map { PageAddress(area: area.id, index: $0) }
        }.filter { memory.exists($0) && memory.compare(.page($0), .page($0)) == .same }
        let sites = pages.shuffled(using: &random).prefix(4)
        guard let source = sites.first else { return }
        let rowLength = UInt32.random(in: 1..<3, using: &random)
        let group = MergeGroup(source: .page(source), digest: memory.digest(of: source), rowLength: rowLength)
        var outcome = MergeOutcome()
        memory.merge(MergePlan(groups: [group], sites: sites.map { MergeSite(page: $0, group: 0) }), into: &outcome)
        guard Int.random(in: 0..<4, using: &random) == 0 else { return }
        var answers: [SiteOutcome] = []
        memory.unmerge(pages.shuffled(using: &random).prefix(3).sorted(), into: &answers)
        #expect(answers.allSatisfy { [.merged, .outOfMemory].contains($0) })
    }
}
