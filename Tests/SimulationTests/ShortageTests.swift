import Merger
import PageMemory
import SimulatedMemory
import Simulation
import Testing

@Suite("Want of memory while the merger works")
struct ShortageTests {
    /// Two programs with 8 contents in 4 pages each.
    static func start(_ setting: Setting) throws -> SimulatedMachine {
        let machine = setting.makeMachine()
        for number in 1...2 as ClosedRange<UInt32> {
            let space = try machine.start(number, pages: 32)
            for page in 0..<32 as Range<UInt64> {
                try machine.memory.fill(space, page..<page + 1, with: UInt8(page / 4) + 1)
            }
        }
        return machine
    }

    /// Whether the programs read what they wrote.
    static func expectContents(_ machine: SimulatedMachine, _ comment: Comment) throws {
        for number in 1...2 as ClosedRange<UInt32> {
            for page in 0..<32 as Range<UInt64> {
                let bytes = try machine.memory.load(page, of: AddressSpaceID(rawValue: number))
                #expect(bytes.allSatisfy { $0 == UInt8(page / 4) + 1 }, comment)
            }
        }
        #expect(machine.memory.violations + machine.memory.bookkeepingViolations() == [], comment)
        let counters = machine.counters
        #expect(counters.pagesShared == machine.memory.census().frames, comment)
        #expect(counters.pagesShared + counters.pagesSharing == machine.memory.census().merged, comment)
    }

    @Test("merging: as many frames as there is memory for, and all when there is again", arguments: Setting.all)
    func merging(setting: Setting) throws {
        for left in 0...8 {
            let machine = try Self.start(setting)
            machine.memory.allocationsUntilFailure = left
            _ = machine.scan(3)
            #expect(machine.counters.pagesShared == left, "\(left) allocations")
            try Self.expectContents(machine, "\(left) allocations")
            machine.memory.allocationsUntilFailure = nil
            _ = machine.scan(40)
            machine.expect([8, 56, 0, 0], "\(left) allocations, and plenty")
            try Self.expectContents(machine, "\(left) allocations, and plenty")
        }
    }

    @Test("run 2: what found no memory stays merged, run is 0, and all goes on", arguments: Setting.all)
    func unmerging(setting: Setting) throws {
        for left in [0, 1, 7, 31, 63, 64] {
            let machine = try Self.start(setting)
            machine.expect(after: 2, [8, 56, 0, 0])
            machine.memory.allocationsUntilFailure = left
            #expect(try machine.set("run", to: "2") == 64 - left)
            #expect(try machine.value(of: "run") == (left == 64 ? "2" : "0"))
            #expect(machine.memory.census().merged == 64 - left)
            try Self.expectContents(machine, "\(left) allocations")
            machine.memory.allocationsUntilFailure = nil
            #expect(try machine.set("run", to: "2") == 0)
            machine.expect([0, 0, 0, 0])
            try machine.set("run", to: "1")
            machine.expect(after: 2, [8, 56, 0, 0])
            try Self.expectContents(machine, "run 1")
        }
    }

    @Test("run 2 takes programs in scan order, in every process that simulates them", arguments: Setting.all)
    func order(setting: Setting) throws {
        let machine = setting.makeMachine()
        let spaces = try (1...7 as ClosedRange<UInt32>).map { try machine.start($0, pages: 10, fill: "a") }
        machine.expect(after: 2, [1, 69, 0, 0])
        machine.memory.allocationsUntilFailure = 25
        #expect(try machine.set("run", to: "2") == 45)
        let merged = spaces.map { space in
            (0..<10 as Range<UInt64>).count { page in
                if case .merged = machine.memory.state(of: page, in: space) { true } else { false }
            }
        }
        #expect(merged == [0, 0, 5, 10, 10, 10, 10])
    }

    @Test("a clock that would run for longer than 584 years stands still")
    func longSleep() throws {
        let machine = try Self.start(Setting())
        try machine.set("sleep_millisecs", to: "4294967295")
        for _ in 0..<5000 { machine.wakeUp() }
        #expect(machine.nanoseconds == .max)
        machine.expect([8, 56, 0, 0])
    }
}
