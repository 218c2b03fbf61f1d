import Conformance
import Merger
import PageMemory
import SimulatedMemory
import Simulation
import Testing

@Suite("A large machine, and the same machine twice")
struct ScaleTests {
    #if DEBUG
        static let pages: UInt64 = 50_000
    #else
        static let pages: UInt64 = 1_000_000
    #endif

    @Test("a million pages: half of them in pairs, a quarter equal, the rest each of its own")
    func millionPages() throws {
        let machine = Setting().makeMachine(limit: UInt32(Self.pages))
        let space = AddressSpaceID(rawValue: 1)
        let quarter = Self.pages / 4
        try machine.memory.map(space, pages: 0..<Self.pages)
        try machine.memory.advise(space, 0..<Self.pages, .mergeable)
        func bytes(_ number: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } }
        for page in 0..<quarter {
            try machine.memory.store(bytes(page + 1), to: page, of: space)
            try machine.memory.store(bytes(page + 1), to: page + quarter, of: space)
            try machine.memory.store(bytes(page + Self.pages), to: page + 3 * quarter, of: space)
        }
        try machine.memory.fill(space, 2 * quarter..<3 * quarter, with: 7)
        let shared = Int(quarter) + 1
        machine.expect(after: 3, [shared, Int(3 * quarter) - shared, Int(quarter), 0])
        #expect(machine.counters.pagesScanned == 3 * Self.pages)
        let census = machine.memory.census()
        #expect(census.frames == shared && census.merged == Int(3 * quarter) && census.own == Int(quarter))
        machine.memory.tally = SimulatedTally()
        #expect(machine.scan() == 1)
        #expect(machine.memory.tally.isIdle, "nothing changed: nothing is read")
        machine.memory.exit(space)
        machine.wakeUp()
        #expect(machine.memory.census() == SimulatedCensus())
    }

    @Test(
        "what a scan looks at follows the pages that exist, not the length of areas", arguments: [20, 28] as [UInt64])
    func holes(bits: UInt64) throws {
        let machine = Setting().makeMachine()
        let space = AddressSpaceID(rawValue: 1)
        try machine.memory.map(space, pages: 0..<1 << bits)
        try machine.memory.advise(space, 0..<1 << bits, .mergeable)
        for page in [0, 1 << (bits - 1), 1 << bits - 1] as [UInt64] { try machine.fill(space, page..<page + 1, "a") }
        machine.memory.tally = SimulatedTally()
        machine.expect(after: 2, [1, 2, 0, 0])
        let tally = machine.memory.tally
        #expect((tally.chunksObserved, tally.pagesReported, tally.checksums) == (6, 3, 3))
        #expect(machine.counters.pagesScanned == 6)
    }

    /// What happens on a machine whose programs do things by chance, also while the merger looks at their pages.
    static func trace(seed: UInt64, _ setting: Setting) throws -> [String] {
        let machine = setting.makeMachine(limit: 8, nodes: 2)
        let memory = machine.memory
        var random = SplitMix64(seed: seed)
        var chance = SplitMix64(seed: ~seed)
        var trace: [String] = []
        var spaces: [AddressSpaceID] = []
        memory.interference = { memory, moment in
            trace.append("\(moment)")
            guard chance.next() % 8 == 0, case .beforeVerifying(let page) = moment, memory.exists(page) else { return }
            try? memory.store([UInt8(chance.next() % 3)], to: UInt64(page.index), of: AddressSpaceID(rawValue: 1))
        }
        for step in 0..<400 {
            let space = spaces.randomElement(using: &random)
            let page = random.next() % 24
            let what = random.next() % 12
            do throws(SimulatedFault) {
                switch (what, space) {
                case (_, nil):
                    let new = AddressSpaceID(rawValue: UInt32(step) + 1)
                    try memory.map(new, pages: 0..<24, node: UInt8(step % 2))
                    try memory.advise(new, 0..<24, .mergeable)
                    spaces.append(new)
                case (0, let space?) where spaces.count < 6: spaces.append(try memory.fork(space))
                case (1, let space?) where spaces.count > 2:
                    memory.exit(space)
                    spaces.removeAll { $0 == space }
                case (2, let space?): try memory.advise(space, page..<24, .unmergeable)
                case (3, let space?): try memory.advise(space, page..<24, .mergeable)
                case (4, let space?): try memory.advise(space, page..<page + 1, .dontNeed)
                case (5, let space?): try memory.pin(page, of: space)
                case (6, let space?): memory.unpin(page, of: space)
                case (7, _): memory.allocationsUntilFailure = random.next() % 2 == 0 ? Int(page) : nil
                case (_, let space?): try memory.fill(space, page..<page + 1, with: UInt8(random.next() % 3))
                }
            } catch {
                trace.append("\(error)")
            }
            if step % 3 == 0 { machine.wakeUp() }
            trace.append("\(figures(machine)) \(memory.tally)")
        }
        memory.allocationsUntilFailure = nil
        _ = machine.scan(20)
        trace.append(figures(machine))
        #expect(memory.violations + memory.bookkeepingViolations() == [], "seed \(seed)")
        return trace
    }

    /// All counters, in an order that is always the same.
    static func figures(_ machine: SimulatedMachine) -> String {
        var counters = machine.counters
        let refusals = counters.notMerged.sorted { $0.key.rawValue < $1.key.rawValue }
        counters.notMerged = [:]
        return "\(counters) \(refusals) \(machine.nanoseconds) \(machine.memory.census())"
    }

    @Test("the same seed gives the same events, counters and times; another seed others", arguments: Setting.all)
    func deterministic(setting: Setting) throws {
        let first = try Self.trace(seed: 1, setting)
        #expect(first.count > 1000)
        #expect(first.elementsEqual(try Self.trace(seed: 1, setting)))
        #expect(!first.elementsEqual(try Self.trace(seed: 2, setting)))
    }
}
