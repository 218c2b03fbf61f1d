import Merger
import SimulatedMemory
import Simulation
import Testing

/// What Linux 6.18's own KSM was seen to do, and the merger does on simulated memory.
@Suite("Fork, exit and advice, as in the kernel")
struct ForkTests {
    @Test("merged pages that a child inherits count after its first scan", arguments: Setting.all)
    func inherited(setting: Setting) throws {
        let machine = setting.makeMachine()
        let parent = try machine.start(1, pages: 20, fill: "a")
        machine.expect(after: 2, [1, 19, 0, 0])
        let child = try machine.memory.fork(parent)
        machine.expect([1, 19, 0, 0], "before any scan")
        #expect(machine.figures(of: child) == SpaceFigures())
        machine.expect(after: 1, [1, 39, 0, 0])
        #expect(machine.figures(of: child).mergingPages == 20)
        #expect(machine.figures(of: child).rmapItems == 20)
        machine.memory.exit(child)
        machine.expect(after: 1, [1, 19, 0, 0])
    }

    @Test("a fork may exceed max_page_sharing, and another page may not", arguments: Setting.todays)
    func exceeding(setting: Setting) throws {
        let machine = setting.makeMachine(limit: 20)
        let parent = try machine.start(1, pages: 20, fill: "a")
        machine.expect(after: 2, [1, 19, 0, 0])
        let child = try machine.memory.fork(parent)
        machine.expect(after: 1, [1, 39, 0, 0])
        _ = try machine.start(9, pages: 1, fill: "a")
        machine.expect(after: 3, [1, 39, 1, 0])
        machine.memory.exit(child)
        machine.expect(after: 2, [1, 19, 1, 0])
    }

    @Test("a page that parent and child still share is no gain by itself", arguments: Setting.all)
    func samePhysicalPage(setting: Setting) throws {
        let machine = setting.makeMachine()
        let parent = try machine.start(1, pages: 1, fill: "a")
        let child = try machine.memory.fork(parent)
        machine.expect(after: 1, [0, 0, 0, 2])
        for _ in 0..<3 { machine.expect(after: 1, [0, 0, 1, 1]) }
        // In the parent, so that it is scanned before the child.
        try machine.memory.map(parent, pages: 8..<9)
        try machine.memory.advise(parent, 8..<9, .mergeable)
        try machine.fill(parent, 8..<9, "a")
        machine.expect(after: 1, [0, 0, 1, 2])
        machine.expect(after: 1, [1, 2, 0, 0])
        machine.memory.exit(child)
        machine.expect(after: 1, [1, 1, 0, 0])
    }

    @Test("two equal pages, each shared with a child, merge all four", arguments: Setting.all)
    func twins(setting: Setting) throws {
        let machine = setting.makeMachine()
        let parent = try machine.start(1, pages: 2, fill: "a")
        _ = try machine.memory.fork(parent)
        machine.expect(after: 1, [0, 0, 0, 4])
        machine.expect(after: 1, [1, 3, 0, 0])
    }

    @Test("while run is 0 no counter changes, whatever programs do; the next scan finds all", arguments: Setting.all)
    func stopped(setting: Setting) throws {
        let machine = setting.makeMachine()
        let spaces = try (1...5).map { try machine.start($0, pages: 2, fill: "a") }
        machine.expect(after: 2, [1, 9, 0, 0])
        try machine.set("run", to: "0")
        machine.memory.exit(spaces[0])
        machine.memory.unmap(spaces[1], 0..<2)
        try machine.memory.advise(spaces[2], 0..<2, .unmergeable)
        #expect(machine.memory.state(of: 0, in: spaces[2]) == .present)
        try machine.memory.advise(spaces[3], 0..<2, .dontNeed)
        #expect(machine.scan() == 0)
        machine.expect([1, 9, 0, 0])
        try machine.set("run", to: "1")
        machine.expect(after: 1, [1, 1, 0, 0])
    }

    @Test("a page pinned for I/O stays as it is, and merges afterwards", arguments: Setting.all)
    func pinned(setting: Setting) throws {
        let machine = setting.makeMachine()
        let space = try machine.start(1, pages: 3, fill: "a")
        try machine.memory.pin(2, of: space)
        _ = machine.scan(6)
        #expect(machine.counters.pagesSharing == 1)
        #expect(machine.memory.state(of: 2, in: space) == .present)
        machine.memory.unpin(2, of: space)
        _ = machine.scan(6)
        machine.expect([1, 2, 0, 0])
    }

    @Test(
        "a page that stays pinned is tried ever more rarely, and at once when it is written", arguments: [false, true])
    func pinnedForLong(byContent: Bool) throws {
        let machine = Setting(byContent: byContent).makeMachine()
        let space = try machine.start(1, pages: 3, fill: "a")
        try machine.memory.pin(2, of: space)
        _ = machine.scan(1)
        // Two merge; the third is tried after 2, 4, 8 ... scans, and every 256 from then on.
        _ = machine.scan(512)
        #expect(machine.counters.pagesSharing == 1)
        #expect(machine.counters.pagesPlanned <= 2 + 10)
        let planned = machine.counters.pagesPlanned
        _ = machine.scan(1024)
        #expect(machine.counters.pagesPlanned - planned == 4)

        machine.memory.unpin(2, of: space)
        try machine.fill(space, 2..<3, "b")
        try machine.fill(space, 2..<3, "a")
        machine.expect(after: 2, [1, 2, 0, 0])
    }

    @Test("a page that stayed pinned merges within 256 scans after it is released")
    func releasedAfterLong() throws {
        let machine = Setting().makeMachine()
        let space = try machine.start(1, pages: 3, fill: "a")
        try machine.memory.pin(2, of: space)
        _ = machine.scan(2000)
        machine.memory.unpin(2, of: space)
        machine.expect(after: 256, [1, 2, 0, 0])
    }
}
