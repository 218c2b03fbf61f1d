import Merger
import PageMemory
import SimulatedMemory
import Simulation
import Testing

/// Which page is scanned when, and what becomes of the items of pages that are gone; the same in both dialects.
@Suite("The scan cursor, and the items of pages")
struct CursorTests {
    /// Three programs of 8 pages, of which a wake-up has scanned one and a half.
    private func inTheMiddle(_ setting: Setting) throws -> SimulatedMachine {
        let machine = setting.makeMachine()
        for (number, character) in zip((1 as UInt32)..., "abc") {
            _ = try machine.start(number, pages: 8, fill: character)
        }
        try machine.set("pages_to_scan", to: "12")
        machine.wakeUp()
        // The kernel keeps 12 items now. Here all pages of the second program were observed together.
        machine.expect(scanned: 12, fullScans: 0, items: 16)
        return machine
    }

    /// Programs that end in the middle of a scan, and what each wake-up after that has scanned in all.
    struct Ending: Sendable, CustomStringConvertible {
        let description: String
        let programs: [UInt32]
        let wakeUps: [(scanned: UInt64, fullScans: UInt64)]
        let items: Int
    }

    static let endings = [
        Ending(
            description: "before the cursor came to it: it is left out",
            programs: [3], wakeUps: [(16, 1)], items: 16),
        Ending(
            description: "while it is scanned: the scan goes on with the next one",
            programs: [2], wakeUps: [(20, 1), (32, 1)], items: 16),
        Ending(
            description: "after it was scanned: the cursor stays where it is",
            programs: [1], wakeUps: [(24, 0), (24, 1)], items: 16),
        Ending(
            description: "as the last of a scan: the scan ends",
            programs: [3, 2], wakeUps: [(12, 1), (20, 2)], items: 8),
    ]

    @Test("a program that ends in the middle of a scan", arguments: Setting.all, endings)
    func ends(setting: Setting, ending: Ending) throws {
        let machine = try inTheMiddle(setting)
        for program in ending.programs { machine.memory.exit(AddressSpaceID(rawValue: program)) }
        for (scanned, fullScans) in ending.wakeUps {
            machine.wakeUp()
            machine.expect(scanned: scanned, fullScans: fullScans, items: ending.items)
        }
    }

    @Test("areas of a program are scanned by address, new ones ahead of the cursor in the running scan")
    func byAddress() throws {
        let machine = Setting().makeMachine()
        let space = try machine.start(1, pages: 8, fill: "a")
        try machine.set("pages_to_scan", to: "4")
        machine.wakeUp()
        try machine.memory.map(space, pages: 100..<102)
        try machine.memory.advise(space, 100..<102, .mergeable)
        try machine.fill(space, 100..<102, "b")
        machine.wakeUp()
        machine.wakeUp()
        machine.expect(scanned: 10, fullScans: 1, items: 10)
    }

    @Test("pages that are gone lose their items when the scan passes them", arguments: Setting.all)
    func vanished(setting: Setting) throws {
        let machine = setting.makeMachine()
        let space = try machine.start(1, pages: 12)
        for page in 0..<12 as Range<UInt64> { try machine.memory.fill(space, page..<page + 1, with: UInt8(page + 1)) }
        machine.expect(after: 2, [0, 0, 12, 0])
        try machine.memory.advise(space, 2..<5, .dontNeed)
        machine.memory.unmap(space, 9..<12)
        machine.expect([0, 0, 12, 0], "nothing was scanned yet")
        machine.expect(after: 1, [0, 0, 6, 0])
        #expect(machine.counters.items == 6)
        // What comes in their place is new: it waits for its second scan.
        try machine.memory.fill(space, 2..<4, with: 1)
        machine.expect(after: 1, [0, 0, 6, 2])
        machine.expect(after: 1, [1, 2, 5, 0])
    }

    @Test("where nothing is registered nothing is counted", arguments: Setting.all)
    func nothingRegistered(setting: Setting) throws {
        let machine = setting.makeMachine()
        #expect(!machine.wakeUp())
        #expect(machine.scan(3) == 0)
        machine.expect(scanned: 0, fullScans: 0, items: 0)
        let space = try machine.start(1, pages: 4, fill: "a")
        machine.expect(after: 2, [1, 3, 0, 0])
        machine.memory.exit(space)
        #expect(machine.scan(3) == 0)
        machine.expect([0, 0, 0, 0])
        machine.expect(scanned: 8, fullScans: 2, items: 0)
    }

    @Test("a program without mergeable memory is let go by the scan, and comes back", arguments: Setting.all)
    func noneMergeable(setting: Setting) throws {
        let machine = setting.makeMachine()
        let space = try machine.start(1, pages: 4, fill: "a")
        machine.expect(after: 2, [1, 3, 0, 0])
        try machine.memory.advise(space, 0..<4, .unmergeable)
        machine.expect([1, 3, 0, 0], "un-shared, and not counted yet")
        #expect(machine.memory.census().merged == 0)
        // The scan that finds nothing mergeable counts.
        machine.expect(after: 1, [0, 0, 0, 0])
        #expect(machine.scan(3) == 0)
        let other = try machine.start(2, pages: 4, fill: "a")
        machine.expect(after: 2, [1, 3, 0, 0])
        // In the kernel the scan that finds the process gone counts, too; here nothing is left to scan.
        machine.memory.exit(other)
        #expect(machine.scan(3) == 0)
        machine.expect([0, 0, 0, 0])
        #expect(machine.memory.census().frames == 0)
        try machine.memory.advise(space, 0..<4, .mergeable)
        machine.expect(after: 1, [0, 0, 0, 4])
        machine.expect(after: 1, [1, 3, 0, 0])
    }

    @Test("holes cost no part of pages_to_scan", arguments: Setting.all)
    func holes(setting: Setting) throws {
        let machine = setting.makeMachine()
        let space = try machine.start(1, pages: 1 << 20)
        for page in [0, 500_000, 1 << 20 - 1 as UInt64] { try machine.memory.fill(space, page..<page + 1, with: 7) }
        try machine.set("pages_to_scan", to: "3")
        machine.wakeUp()
        machine.expect(scanned: 3, fullScans: 0, items: 3)
        machine.wakeUp()
        machine.expect(scanned: 3, fullScans: 1, items: 3)
    }

    @Test("merged pages cost their part of pages_to_scan, and no comparison", arguments: Setting.all)
    func mergedPages(setting: Setting) throws {
        let machine = setting.makeMachine()
        _ = try machine.start(1, pages: 8, fill: "a")
        machine.expect(after: 2, [1, 7, 0, 0])
        let before = machine.counters
        machine.expect(after: 3, [1, 7, 0, 0])
        #expect(machine.counters.pagesScanned == before.pagesScanned + 24)
        #expect(machine.counters.comparisons == before.comparisons)
        #expect(machine.counters.pagesChecksummed == before.pagesChecksummed)
    }

    @Test("run 2 in the middle of a scan: the next one begins at the first page", arguments: Setting.all)
    func unmergeInTheMiddle(setting: Setting) throws {
        let machine = try inTheMiddle(setting)
        try machine.set("run", to: "2")
        machine.expect([0, 0, 0, 0])
        try machine.set("run", to: "1")
        machine.wakeUp()
        machine.expect(scanned: 24, fullScans: 0)
        machine.wakeUp()
        machine.expect(scanned: 36, fullScans: 0, items: 24)
    }
}

extension SimulatedMachine {
    fileprivate func expect(
        scanned: UInt64, fullScans: UInt64, items: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(counters.pagesScanned == scanned, sourceLocation: sourceLocation)
        #expect(counters.fullScans == fullScans, sourceLocation: sourceLocation)
        if let items { #expect(counters.items == items, sourceLocation: sourceLocation) }
        #expect(memory.violations == [], sourceLocation: sourceLocation)
    }
}
