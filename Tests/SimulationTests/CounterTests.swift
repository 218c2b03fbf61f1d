import FixedPolicy
import HashTableIndex
import Merger
import PageMemory
import ScanTimePolicy
import SimulatedMemory
import Simulation
import Testing
import XXHashChecksum

/// What counters say when, as Linux 6.18's own KSM was seen to do it; where Samepage differs the test says so.
@Suite("Counters, as in the kernel")
struct CounterTests {
    @Test("what leaves the stable tree keeps its checksum", arguments: Setting.todays)
    func leaving(setting: Setting) throws {
        let machine = setting.makeMachine()
        let space = try machine.start(1, pages: 4, fill: "a")
        machine.expect(after: 2, [1, 3, 0, 0])
        try machine.set("run", to: "0")
        try machine.fill(space, 0..<4, "b")
        machine.expect([1, 3, 0, 0], "nothing is scanned: nothing changes")
        try machine.set("run", to: "1")
        machine.expect(after: 1, [0, 0, 0, 4])
        machine.expect(after: 1, [1, 3, 0, 0])
        // Other bytes, and back to the old ones.
        for (character, unshared) in [("c", 1), ("b", 0)] as [(Character, Int)] {
            try machine.fill(space, 0..<1, character)
            machine.expect(after: 1, [1, 2, 0, 1])
            machine.expect(after: 1, [1, 3 - unshared, unshared, 0])
        }
        // The same bytes.
        try machine.fill(space, 1..<3, "b")
        machine.expect(after: 1, [1, 3, 0, 0])
    }

    @Test("advice and discarding, with and without a scan in between", arguments: Setting.todays)
    func comingBack(setting: Setting) throws {
        let machine = setting.makeMachine()
        let space = try machine.start(1, pages: 2, fill: "a")
        machine.expect(after: 2, [1, 1, 0, 0])
        try machine.memory.advise(space, 0..<1, .unmergeable)
        try machine.memory.advise(space, 0..<1, .mergeable)
        machine.expect(after: 1, [1, 1, 0, 0])
        try machine.memory.advise(space, 0..<1, .dontNeed)
        try machine.fill(space, 0..<1, "a")
        machine.expect(after: 1, [1, 1, 0, 0])
        try machine.memory.advise(space, 0..<1, .dontNeed)
        machine.expect(after: 1, [1, 0, 0, 0])
        try machine.fill(space, 0..<1, "a")
        machine.expect(after: 1, [1, 0, 0, 1], "it was forgotten")
        machine.expect(after: 1, [1, 1, 0, 0])
    }

    @Test(
        "while run is 0 unshared and volatile pages stay counted, too, and so do the figures", arguments: Setting.todays
    )
    func stopped(setting: Setting) throws {
        let machine = setting.makeMachine()
        let spaces = try (1...3 as ClosedRange<UInt32>).map { number in
            let space = try machine.start(number, pages: 3, fill: "a")
            try machine.memory.store([UInt8(number)], to: 1, of: space)
            return space
        }
        machine.expect(after: 1, [0, 0, 0, 9])
        for space in spaces { try machine.memory.store([7, 7], to: 2, of: space) }
        machine.expect(after: 1, [1, 2, 3, 3])
        try machine.set("run", to: "0")
        let figures = spaces.map { machine.figures(of: $0) }
        #expect(figures.allSatisfy { ($0.rmapItems, $0.mergingPages) == (3, 1) })
        machine.memory.exit(spaces[0])
        machine.memory.unmap(spaces[1], 0..<3)
        try machine.memory.advise(spaces[2], 0..<3, .unmergeable)
        #expect(machine.scan() == 0)
        machine.expect([1, 2, 3, 3])
        #expect(spaces.map { machine.figures(of: $0) } == figures)
        try machine.set("run", to: "1")
        machine.expect(after: 1, [0, 0, 0, 0])
        #expect(spaces.allSatisfy { machine.figures(of: $0) == SpaceFigures() })
    }

    @Test("children of children that were not scanned count with the next scan", arguments: Setting.todays)
    func generations(setting: Setting) throws {
        let machine = setting.makeMachine()
        let parent = try machine.start(1, pages: 4, fill: "a")
        machine.expect(after: 2, [1, 3, 0, 0])
        let child = try machine.memory.fork(parent)
        let grandchild = try machine.memory.fork(child)
        machine.expect([1, 3, 0, 0])
        machine.expect(after: 1, [1, 11, 0, 0])
        machine.memory.exit(child)
        machine.expect(after: 1, [1, 7, 0, 0])
        #expect(machine.figures(of: grandchild).mergingPages == 4)
    }

    @Test("the advisor is told how long a full scan took, its sleeps included, and what CPU time it used")
    func advisor() throws {
        var advisor = ScanTimeAdvisor()
        (advisor.minPagesToScan, advisor.targetScanTime) = (40, 1)
        advisor.reset()
        let pace = FixedPolicy(pagesToScan: 1, sleepMillisecs: 500)
        let machine = SimulatedMachine(
            parts: MergerParts(
                checksum: XXH3Checksum(), stableTree: HashTable(), unstableTree: HashTable(),
                policy: ScanTimePolicy(pace: pace, advisor: advisor)), pageSize: 64)
        // A page costs 50 ms.
        machine.pageCost = 50_000_000
        _ = try machine.start(1, pages: 95, fill: "a")
        // 5.75 seconds at 95 percent of a CPU: 30 percent of 200 pages. Then 70 percent of a CPU bound them.
        for round in 0..<3 {
            let pages = UInt64(advisor.pagesToScan)
            // Batches that are full, the last one, and a sleep between each two of them.
            let batches = (95 + pages - 1) / pages
            advisor.scanEnded(
                elapsedNanoseconds: 95 * 50_000_000 + (batches - 1) * 500_000_000,
                cpuNanoseconds: 95 * 50_000_000)
            #expect(machine.scan() == 1)
            #expect(try machine.value(of: "pages_to_scan") == String(advisor.pagesToScan))
            #expect(advisor.pagesToScan == (round == 0 ? 60 : 70))
        }
    }

    @Test("run 2 sets full_scans to 0, and nothing else that grows", arguments: Setting.todays, ["0", "1"])
    func fullScans(setting: Setting, next: String) throws {
        let machine = setting.makeMachine()
        _ = try machine.start(1, pages: 3, fill: "a")
        machine.expect(after: 2, [1, 2, 0, 0])
        let scanned = machine.counters.pagesScanned
        #expect(scanned == 6)
        try machine.set("run", to: "2")
        machine.expect([0, 0, 0, 0])
        #expect(try machine.value(of: "full_scans") == "0")
        try machine.set("run", to: next)
        #expect(try machine.value(of: "full_scans") == "0")
        try machine.set("run", to: "1")
        machine.expect(after: 1, [0, 0, 0, 3])
        #expect(try machine.value(of: "full_scans") == "1")
        machine.expect(after: 1, [1, 2, 0, 0])
        #expect(machine.counters.pagesScanned == scanned + 6)
        // Nothing may be scanned: no full scan ends.
        try machine.set("pages_to_scan", to: "0")
        #expect(machine.scan() == 0)
        #expect((machine.counters.fullScans, machine.counters.pagesScanned) == (2, scanned + 6))
    }

    @Test("general_profit, and the figures of each address space", arguments: Setting.todays)
    func profit(setting: Setting) throws {
        let machine = setting.makeMachine(nodes: 2)
        #expect(try machine.value(of: "general_profit") == "0")
        let first = try machine.start(1, pages: 6, fill: "a")
        let second = try machine.start(2, pages: 7, fill: "a")
        for page in 4..<7 as Range<UInt64> {
            try machine.memory.store([UInt8(page)], to: page, of: second)
        }
        machine.expect(after: 1, [0, 0, 0, 13])
        #expect(try machine.value(of: "general_profit") == String(-13 * 32), "signed")
        machine.expect(after: 1, [1, 9, 3, 0])
        // Pages of 64 bytes; an item costs 32, in the kernel 64.
        #expect(try machine.value(of: "general_profit") == String(9 * 64 - 13 * 32))
        var expected = SpaceFigures()
        (expected.rmapItems, expected.mergingPages, expected.profit) = (6, 6, 6 * 64 - 6 * 32)
        #expect(machine.figures(of: first) == expected)
        (expected.rmapItems, expected.mergingPages, expected.profit) = (7, 4, 4 * 64 - 7 * 32)
        #expect(machine.figures(of: second) == expected)
        try machine.set("run", to: "2")
        #expect(machine.figures(of: first) == SpaceFigures())
        // The number of its tree is a byte for each page of two chunks.
        try machine.set("merge_across_nodes", to: "0")
        try machine.set("run", to: "1")
        machine.expect(after: 2, [1, 9, 3, 0])
        #expect(try machine.value(of: "general_profit") == String(9 * 64 - 13 * 32 - 128))
    }
}

/// `use_zero_pages`.
@Suite("Pages of zeros, as in the kernel")
struct ZeroPageTests {
    @Test("they are given back, and have no item then", arguments: Setting.todays)
    func givenBack(setting: Setting) throws {
        let machine = setting.makeMachine(zeros: true)
        let space = try machine.start(1, pages: 4)
        try machine.memory.fill(space, 0..<4, with: 0)
        machine.expect(after: 1, [0, 0, 0, 4])
        #expect(machine.counters.zeroPages == 0)
        // In the kernel the items are still there at this moment, and go with the next scan.
        machine.expect(after: 1, [0, 0, 0, 0])
        #expect(machine.counters.zeroPages == 4)
        #expect(machine.counters.generalProfit(pageSize: 64) == 4 * 64)
        let figures = machine.figures(of: space)
        #expect((figures.zeroPages, figures.rmapItems, figures.mergingPages, figures.profit) == (4, 0, 0, 256))
        let scanned = machine.counters.pagesScanned
        machine.expect(after: 1, [0, 0, 0, 0])
        #expect(machine.counters.pagesScanned == scanned, "a zero page is no page to scan")

        // The kernel's counter falls at once; here the next scan finds what was written.
        try machine.memory.store([0], to: 0, of: space)
        try machine.memory.store([1], to: 1, of: space)
        #expect(machine.counters.zeroPages == 4)
        machine.expect(after: 1, [0, 0, 0, 2])
        #expect(machine.counters.zeroPages == 2)
        machine.expect(after: 1, [0, 0, 1, 0])
        #expect(machine.counters.zeroPages == 3)

        machine.memory.unmap(space, 2..<3)
        machine.expect(after: 1, [0, 0, 1, 0])
        #expect(machine.counters.zeroPages == 2)
        try machine.memory.advise(space, 3..<4, .unmergeable)
        machine.expect(after: 1, [0, 0, 1, 0])
        #expect(machine.counters.zeroPages == 1)
        try machine.set("use_zero_pages", to: "0")
        machine.expect(after: 1, [0, 0, 1, 0])
        #expect(machine.counters.zeroPages == 1, "those given back before stay so")
        machine.memory.exit(space)
        _ = machine.scan()
        #expect(machine.counters.zeroPages == 0)
    }

    @Test(
        "merged ones stay merged when they are to be given back, and others are given back", arguments: Setting.todays)
    func later(setting: Setting) throws {
        let machine = setting.makeMachine()
        let space = try machine.start(1, pages: 2)
        try machine.memory.fill(space, 0..<2, with: 0)
        machine.expect(after: 2, [1, 1, 0, 0])
        try machine.set("use_zero_pages", to: "1")
        let other = try machine.start(2, pages: 1)
        try machine.memory.fill(other, 0..<1, with: 0)
        machine.expect(after: 2, [1, 1, 0, 0])
        #expect(machine.counters.zeroPages == 1)
        // A lone one that waits for a twin is given back, too.
        try machine.set("use_zero_pages", to: "0")
        machine.expect(after: 1, [1, 1, 0, 0])
        #expect(machine.counters.zeroPages == 1)
    }
}
