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

    @Test("pages of zeros that were given back count in a child, and again after run 2", arguments: Variant.few)
    func zerosOfChild(variant: Variant) throws {
        var variant = variant
        variant.usesZeroPages = true
        let machine = try makeMachine(variant)
        try machine.memory.fill(space, 0..<4, with: 0)
        _ = machine.scan(3)
        #expect(machine.counters.zeroPages == 4 && machine.counters.items == 0)
        let child = try machine.memory.fork(space)
        _ = machine.scan()
        #expect(machine.counters.zeroPages == 8)
        #expect(machine.figures(of: child).zeroPages == 4)
        try machine.memory.store([1], to: 2, of: child)
        _ = machine.scan()
        #expect(machine.counters.zeroPages == 7)
        try machine.set("run", to: "2")
        #expect(machine.counters.zeroPages == 0)
        try machine.set("run", to: "1")
        _ = machine.scan()
        #expect(machine.counters.zeroPages == 7)
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
