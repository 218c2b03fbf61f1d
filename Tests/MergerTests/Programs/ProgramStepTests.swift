import Merger
import PageMemory
import SimulatedMemory
import Simulation
import Testing

/// What random programs have brought to light, one by one.
@Suite("Programs, step by step")
struct ProgramStepTests {
    let space = AddressSpaceID(rawValue: 1)

    func makeMachine(_ variant: Variant) throws -> SimulatedMachine {
        let machine = SimulatedMachine(
            parts: variant.parts, pageSize: variant.pageSize, tracksChanges: variant.tracksChanges)
        try map(space, on: machine)
        return machine
    }

    private func map(_ space: AddressSpaceID, on machine: SimulatedMachine) throws {
        try machine.memory.map(space, pages: 0..<8)
        try machine.memory.advise(space, 0..<8, .mergeable)
    }

    @Test(
        "an area that was found empty gives way to a new one in its place, also while run is 0; alone or not",
        arguments: DialectTests.both, [false, true])
    func areaAgain(variant: Variant, hasNeighbour: Bool) throws {
        let machine = try makeMachine(variant)
        let neighbours = hasNeighbour ? [AddressSpaceID(rawValue: 2)] : []
        for neighbour in neighbours { try map(neighbour, on: machine) }
        for run in ["1", "0"] {
            for space in [space] + neighbours {
                try machine.memory.fill(space, 0..<4, with: 1)
                try machine.memory.fill(space, 4..<8, with: 2)
            }
            _ = machine.scan(3)
            try machine.memory.advise(space, 0..<8, .unmergeable)
            _ = machine.scan()
            #expect(machine.memory.registeredAreas.map(\.space) == neighbours)
            #expect(machine.counters.items == 8 * neighbours.count)
            try machine.set("run", to: run)
            try machine.memory.advise(space, 0..<8, .mergeable)
            machine.wakeUp()
            try machine.set("run", to: "1")
            #expect(machine.scan(2) == 2)
            #expect(machine.counters.pagesShared == 2 && machine.counters.pagesSharing == 6 + 8 * neighbours.count)
            #expect(machine.bookkeepingViolations() == [])
        }
    }

    @Test(
        "pages of zeros that were given back count in a child after its first scan, and again after run 2",
        arguments: Variant.few)
    func zerosOfChild(variant: Variant) throws {
        var variant = variant
        variant.usesZeroPages = true
        let machine = try makeMachine(variant)
        try machine.memory.fill(space, 0..<4, with: 0)
        #expect(machine.scan(2) == 2)
        #expect(machine.counters.zeroPages == 4 && machine.counters.items == 0)
        // The kernel counts them at once.
        let child = try machine.memory.fork(space)
        #expect(machine.counters.zeroPages == 4)
        #expect(machine.scan() == 1)
        #expect(machine.counters.zeroPages == 8 && machine.counters.items == 0)
        #expect(machine.figures(of: child).zeroPages == 4)
        #expect((0..<4).allSatisfy { machine.memory.state(of: $0, in: child) == .zero })
        try machine.memory.store([1], to: 2, of: child)
        #expect(machine.scan() == 1)
        #expect(machine.counters.zeroPages == 7)
        // The kernel gives each a page of its own, which merges again with use_zero_pages 0.
        for usesZeroPages in ["1", "0", "1"] {
            try machine.set("run", to: "2")
            #expect(machine.counters.zeroPages == 0)
            #expect((0..<4).allSatisfy { machine.memory.state(of: $0, in: space) == .zero })
            #expect(machine.memory.census().own == 1, "what the child wrote")
            try machine.set("use_zero_pages", to: usesZeroPages)
            try machine.set("run", to: "1")
            #expect(machine.scan() == 1)
            #expect(machine.counters.zeroPages == 7 && machine.counters.items == 1)
        }
        machine.memory.exit(space)
        _ = machine.scan()
        #expect(machine.counters.zeroPages == 3)
        #expect(machine.bookkeepingViolations() == [])
    }

    @Test("an observation that fails for want of memory leaves the area for the next scan", arguments: Variant.few)
    func blindScan(variant: Variant) throws {
        let machine = try makeMachine(variant)
        try machine.memory.fill(space, 0..<8, with: 1)
        machine.memory.refusal = { step, _ in step == .observe ? .outOfMemory : nil }
        #expect(machine.scan(3) == 3)
        #expect(machine.counters.items == 0 && machine.bookkeepingViolations() == [])
        machine.memory.refusal = nil
        _ = machine.scan(2)
        #expect(machine.counters.pagesShared == 1 && machine.counters.pagesSharing == 7)
        try machine.memory.fill(space, 0..<2, with: 2)
        machine.memory.refusal = { step, _ in step == .observe ? .outOfMemory : nil }
        _ = machine.scan(2)
        machine.memory.refusal = nil
        _ = machine.scan(2)
        #expect(machine.counters.pagesShared == 2 && machine.counters.pagesSharing == 6)
        #expect(machine.bookkeepingViolations() == [])
    }
}
