import Merger
import PageMemory
import SimulatedMemory
import Simulation
import Testing

/// The stages of the Linux Test Project's KSM tests, with its numbers.
@Suite("LTP stages")
struct StageTests {
    /// MiB of each program: the size that LTP has by default, and less for more settings.
    static let sizes: [(setting: Setting, mebibytes: UInt64)] =
        Setting.all.map { ($0, 1) } + MergerDialect.allCases.map { (Setting(dialect: $0), 128) }

    @Test("1 to 6, with three programs", arguments: sizes)
    func stages(size: (setting: Setting, mebibytes: UInt64)) throws {
        let pages = size.mebibytes * 256
        let all = Int(pages) * 3
        let machine = size.setting.makeMachine(limit: UInt32(all))
        try machine.set("pages_to_scan", to: String(all))
        try machine.set("sleep_millisecs", to: "0")
        // A mapping of 1 MiB each, marked before it is filled.
        let children = try (0..<3 as Range<UInt32>).map { number in
            let child = AddressSpaceID(rawValue: number + 1)
            for unit in 0..<size.mebibytes {
                let range = unit * 1024..<unit * 1024 + 256
                try machine.memory.map(child, pages: range)
                try machine.memory.advise(child, range, .mergeable)
            }
            return child
        }
        func units(_ body: (Range<UInt64>) throws -> Void) rethrows {
            for unit in 0..<size.mebibytes { try body(unit * 1024..<unit * 1024 + 256) }
        }
        for (stage, contents, shared) in [("1", "caa", 2), ("2", "cba", 3), ("3", "ddd", 1)] {
            for (child, character) in zip(children, contents) { try units { try machine.fill(child, $0, character) } }
            machine.expect(after: 3, [shared, all - shared, 0, 0], "stage \(stage)")
            for (child, character) in zip(children, contents) {
                try units { range in
                    let expected = [UInt8](repeating: character.asciiValue!, count: machine.memory.pageSize)
                    for page in [range.lowerBound, range.upperBound - 1] {
                        let bytes = try machine.memory.load(page, of: child)
                        #expect(bytes == expected)
                    }
                }
            }
        }
        for child in children { try units { try machine.fill(child, $0, "d") } }
        let last = (size.mebibytes - 1) * 1024 + 255
        try machine.memory.store([UInt8(ascii: "e")], at: machine.memory.pageSize - 1, to: last, of: children[1])
        machine.expect(after: 3, [1, all - 2, 1, 0], "stage 4")
        try machine.set("run", to: "2")
        machine.expect([0, 0, 0, 0], "stage 5")
        #expect(try machine.value(of: "run") == "2")
        try machine.set("run", to: "0")
        machine.expect([0, 0, 0, 0], "stage 6")
        #expect(try machine.value(of: "run") == "0")
        #expect(machine.memory.census().frames == 0)
    }

    @Test(
        "a full scan ends a wake-up: with as many pages to scan as there are, two wake-ups make one",
        arguments: Setting.all)
    func wakeUps(setting: Setting) throws {
        let machine = setting.makeMachine()
        _ = try machine.start(1, pages: 3, fill: "a")
        try machine.set("pages_to_scan", to: "3")
        for round in 1...4 as ClosedRange<UInt64> {
            machine.wakeUp()
            #expect((machine.counters.pagesScanned, machine.counters.fullScans) == (3 * round, round - 1))
            machine.wakeUp()
            #expect((machine.counters.pagesScanned, machine.counters.fullScans) == (3 * round, round))
        }
    }

    @Test("run 2 twice is the same as once; run 1 merges everything again", arguments: Setting.all)
    func unmergeTwice(setting: Setting) throws {
        let machine = setting.makeMachine()
        _ = try machine.start(1, pages: 10, fill: "a")
        machine.expect(after: 2, [1, 9, 0, 0])
        for _ in 0..<2 {
            try machine.set("run", to: "2")
            machine.expect([0, 0, 0, 0])
            #expect(machine.counters.fullScans == 0)
        }
        try machine.set("run", to: "1")
        machine.expect(after: 2, [1, 9, 0, 0])
    }

    @Test("a program that starts while a scan is under way is scanned from the next one on", arguments: Setting.all)
    func newProgram(setting: Setting) throws {
        let machine = setting.makeMachine()
        _ = try machine.start(1, pages: 8, fill: "a")
        try machine.set("pages_to_scan", to: "4")
        machine.wakeUp()
        _ = try machine.start(2, pages: 2, fill: "b")
        machine.wakeUp()
        machine.wakeUp()
        #expect((machine.counters.pagesScanned, machine.counters.fullScans) == (8, 1))
        #expect(machine.counters.items == 8)
    }
}
