import Merger
import PageMemory
import SimulatedMemory
import Simulation
import Testing

/// What `madvise` answers, and what becomes of the advice.
@Suite("madvise, as in the kernel")
struct AdviceTests {
    let machine = Setting().makeMachine()
    let space = AddressSpaceID(rawValue: 1)

    /// Private pages, shared ones, a gap, pages of a device, private pages.
    func map() throws {
        for (pages, kind) in [
            (0..<4, .anonymous), (4..<6, .shared), (8..<10, .special), (10..<12, .anonymous),
        ] as [(Range<UInt64>, SimulatedMapping)] {
            try machine.memory.map(space, pages: pages, kind: kind)
        }
    }

    var mergeable: [UInt32] { machine.memory.registeredAreas.map(\.pageCount) }

    @Test("pages that cannot merge are passed over silently")
    func otherPages() throws {
        try map()
        for pages in [4..<6, 8..<10] as [Range<UInt64>] {
            try machine.memory.advise(space, pages, .mergeable)
            try machine.memory.advise(space, pages, .unmergeable)
        }
        #expect(mergeable.isEmpty)
        try machine.memory.advise(space, 0..<6, .mergeable)
        #expect(mergeable == [4])
        try machine.memory.advise(space, 0..<6, .mergeable)
        #expect(mergeable == [4], "twice is once")
    }

    @Test("gaps: the rest is worked on, then ENOMEM")
    func gaps() throws {
        try map()
        #expect(throws: SimulatedFault.noMemory) { try machine.memory.advise(space, 0..<12, .mergeable) }
        #expect(mergeable == [4, 2])
        for pages in [0..<4, 10..<12] as [Range<UInt64>] { try machine.fill(space, pages, "a") }
        machine.expect(after: 2, [1, 5, 0, 0])
        #expect(throws: SimulatedFault.noMemory) { try machine.memory.advise(space, 0..<12, .unmergeable) }
        #expect(machine.memory.census().merged == 0, "un-shared at once")
        machine.expect([1, 5, 0, 0], "the counters follow with the next scan")
        machine.expect(after: 1, [0, 0, 0, 0])
    }

    @Test("no pages are no mistake; the wrong way round is EINVAL")
    func ranges() throws {
        try map()
        try machine.memory.advise(space, 2..<2, .mergeable)
        #expect(throws: SimulatedFault.invalid) { try machine.memory.advise(space, from: 3, to: 2, .mergeable) }
        #expect(mergeable.isEmpty)
    }

    @Test("no memory to register the process, or to un-share: EAGAIN, and nothing has changed")
    func shortage() throws {
        try map()
        machine.memory.allocationsUntilFailure = 0
        #expect(throws: SimulatedFault.tryAgain) { try machine.memory.advise(space, 0..<4, .mergeable) }
        #expect(mergeable.isEmpty)
        machine.memory.allocationsUntilFailure = nil
        try machine.memory.advise(space, 0..<4, .mergeable)
        try machine.fill(space, 0..<4, "a")
        machine.expect(after: 2, [1, 3, 0, 0])
        machine.memory.allocationsUntilFailure = 0
        #expect(throws: SimulatedFault.tryAgain) { try machine.memory.advise(space, 0..<4, .unmergeable) }
        machine.memory.allocationsUntilFailure = nil
        machine.expect(after: 1, [1, 3, 0, 0])
        #expect(mergeable == [4])
    }
}
