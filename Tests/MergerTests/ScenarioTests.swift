import Merger
import PageMemory
import SimulatedMemory
import Testing

@Suite("What KSM's own tests expect, in small")
struct ScenarioTests {
    /// Three programs of 96 pages each, in areas of 32.
    static let pages = 288

    @Test("the six stages of the Linux Test Project", arguments: Variant.strategies)
    func stages(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.set("max_page_sharing", to: "10000")
        let count = ScenarioTests.pages
        for space in 1...3 as ClosedRange<UInt32> {
            for part in 0..<3 as Range<UInt32> { try rig.add(space * 4 + part, space: space, pages: 32) }
        }
        func fill(_ space: UInt32, _ character: Character) {
            for part in 0..<3 as Range<UInt32> { rig.fill(space * 4 + part, 0..<32, character) }
        }
        func verify(_ space: UInt32, _ character: Character, but last: Int = 0) {
            for part in 0..<3 as Range<UInt32> {
                rig.expectFilled(space * 4 + part, 0..<(part == 2 ? 32 - last : 32), character)
            }
        }
        for (stage, contents, shared) in [(1, "caa", 2), (2, "cba", 3), (3, "ddd", 1)] as [(Int, String, Int)] {
            for (child, character) in contents.enumerated() { fill(UInt32(child + 1), character) }
            rig.scan(2)
            rig.expect(shared, count - shared, "stage \(stage)")
            for (child, character) in contents.enumerated() { verify(UInt32(child + 1), character) }
        }
        for space in 1...3 as ClosedRange<UInt32> { fill(space, "d") }
        rig.memory.write(rig.bytes("d", last: "e"), to: rig.page(10, 31))
        rig.scan(2)
        rig.expect(1, count - 2, unshared: 1, "stage 4")
        verify(2, "d", but: 1)
        #expect(rig.memory.read(rig.page(10, 31)) == rig.bytes("d", last: "e"))

        try rig.set("run", to: "2")
        rig.settle()
        rig.expect(0, 0, "stage 5")
        #expect(try rig.value("run") == "2")
        #expect(try rig.value("full_scans") == "0")
        try rig.set("run", to: "0")
        rig.settle()
        rig.expect(0, 0, "stage 6")
        #expect(try rig.value("run") == "0")
        for space in [1, 3] as [UInt32] { verify(space, "d") }
        rig.expectNothingLeft()
    }

    @Test(
        "k equal pages merge on the second scan; a unique page is first volatile, then unshared",
        arguments: Variant.strategies)
    func equalAndUnique(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<10, "a")
        rig.fill(1, 20..<21, "u")
        rig.scan()
        rig.expect(0, 0, volatile: 11)
        rig.scan()
        rig.expect(1, 9, unshared: 1)
        rig.scan(3)
        rig.expect(1, 9, unshared: 1)
        rig.expectNothingLeft()
    }

    @Test("a merged pair that is written differently is volatile, then unshared", arguments: Variant.few)
    func rewrittenPair(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<2, "a")
        rig.scan(2)
        rig.expect(1, 1)
        rig.fill(1, 0..<1, "b")
        rig.fill(1, 1..<2, "c")
        rig.scan()
        rig.expect(0, 0, volatile: 2)
        rig.scan()
        rig.expect(0, 0, unshared: 2)
        rig.expectNothingLeft()
    }

    @Test("a page that changes in every scan stays volatile", arguments: Variant.few)
    func alwaysChanging(variant: Variant) throws {
        guard variant.checksum != .weak else { return }
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<2, "a")
        for number in 0..<8 as Range<UInt8> {
            rig.memory.write([number], at: 5, to: rig.page(1, 7))
            rig.scan()
            #expect(rig.counters.pagesVolatile == (number == 0 ? 3 : 1))
            #expect(rig.counters.pagesUnshared == 0)
        }
        rig.scan()
        rig.expect(1, 1, unshared: 1)
    }

    @Test("a page that is unshared in the tree finds a twin that comes later", arguments: Variant.few)
    func laterTwin(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.add(1)
        try rig.add(2, space: 2)
        rig.fill(1, 0..<1, "a")
        rig.scan(5)
        rig.expect(0, 0, unshared: 1)
        rig.fill(2, 9..<10, "a")
        rig.scan()
        rig.expect(0, 0, volatile: 1, unshared: 1)
        rig.scan()
        rig.expect(1, 1)
    }

    @Test("a single sharer left behind stays merged, and is joined again", arguments: Variant.few)
    func lastSharer(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<2, "a")
        rig.scan(2)
        rig.memory.discard(rig.page(1, 0))
        rig.scan()
        rig.expect(1, 0)
        rig.fill(1, 5..<6, "a")
        rig.scan(2)
        rig.expect(1, 1)
        rig.memory.discard(rig.page(1, 1))
        rig.memory.discard(rig.page(1, 5))
        rig.scan()
        rig.expect(0, 0)
        #expect(rig.memory.census() == SimulatedCensus())
    }
}
