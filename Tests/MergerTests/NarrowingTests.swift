import Conformance
import Merger
import PageMemory
import ScanPolicy
import SimulatedMemory
import Testing

/// `minimum_age_millisecs` and `minimum_sharers`.
@Suite("Narrowing what merges")
struct NarrowingTests {
    func makeRig(_ variant: Variant, age: UInt32 = 0, sharers: UInt8 = 1, zeros: Bool = false) throws -> Rig {
        var variant = variant
        (variant.minimumAge, variant.minimumSharers, variant.usesZeroPages) = (age, sharers, zeros)
        let rig = Rig(variant)
        for space in 1...4 as ClosedRange<UInt32> { try rig.add(space, space: space) }
        return rig
    }

    @Test("a page merges when it is old enough, and is not read again until then", arguments: Variant.few)
    func age(variant: Variant) throws {
        let rig = try makeRig(variant, age: 1000, zeros: true)
        rig.fill(1, 0..<3, "a")
        rig.fillZeros(1, 3..<5)
        rig.scan()
        rig.clock += 900
        rig.scan()
        rig.expect(0, 0, volatile: 5)
        let read = rig.counters.pagesChecksummed
        rig.clock += 90
        rig.scan()
        rig.expect(0, 0, volatile: 5)
        if variant.tracksChanges { #expect(rig.counters.pagesChecksummed == read && rig.counters.comparisons == 0) }
        rig.clock += 50
        rig.scan()
        rig.expect(1, 2, zeros: 2)
        if variant.tracksChanges { #expect(rig.counters.pagesChecksummed == read) }
        // A write begins it anew, for the page that was written.
        rig.fill(1, 1..<2, "b")
        rig.fill(1, 8..<9, "b")
        rig.scan(3)
        rig.clock += 960
        rig.scan()
        rig.expect(1, 1, volatile: 2, zeros: 2)
        rig.clock += 80
        rig.scan()
        rig.expect(2, 2, zeros: 2)
        rig.expectNothingLeft()
    }

    @Test("the same bytes written again make a page young, where the memory tells")
    func rewritten() throws {
        let rig = try makeRig(Variant(), age: 500)
        rig.fill(1, 0..<2, "a")
        for _ in 0..<4 {
            rig.scan()
            rig.clock += 300
            rig.fill(1, 0..<1, "a")
        }
        rig.scan()
        rig.expect(0, 0, volatile: 1, unshared: 1)
        rig.clock += 540
        rig.scan()
        rig.expect(1, 1)
    }

    @Test("the time that a checksum takes does not count, where nobody tracks changes")
    func slowChecksum() throws {
        var variant = Variant()
        variant.tracksChanges = false
        let rig = try makeRig(variant, age: 500)
        rig.fill(1, 0..<2, "a")
        rig.scan()
        rig.clock += 1000
        var isDone = false
        let bytes = rig.bytes("b")
        rig.memory.interference = { [unowned rig] memory, moment in
            guard case .beforeChecksum(let page) = moment, !isDone else { return }
            isDone = true
            rig.clock += 400
            for index in 0..<2 as Range<UInt32> { memory.write(bytes, to: PageAddress(area: page.area, index: index)) }
        }
        rig.scan()
        rig.memory.interference = nil
        rig.clock += 150
        rig.scan(2)
        rig.expect(0, 0, volatile: 2)
        rig.clock += 400
        rig.scan()
        rig.expect(1, 1)
    }

    @Test("a driver without a clock merges nothing under a minimum age")
    func noClock() throws {
        let rig = try makeRig(Variant(), age: 1)
        rig.clock = 0
        rig.fill(1, 0..<2, "a")
        rig.scan(20)
        rig.expect(0, 0, volatile: 2)
    }

    @Test("a minimum age that is set or raised later applies to all that is not merged yet", arguments: Variant.few)
    func ageSetLater(variant: Variant) throws {
        let rig = try makeRig(variant)
        rig.fill(1, 0..<1, "a")
        rig.fill(1, 1..<3, "b")
        rig.scan(3)
        rig.expect(1, 1, unshared: 1)
        try rig.set("minimum_age_millisecs", to: "500")
        rig.fill(2, 0..<1, "a")
        rig.scan(3)
        rig.expect(1, 1, volatile: 2)
        rig.clock += 540
        rig.scan()
        rig.expect(2, 2)
        rig.fill(2, 1..<2, "c")
        rig.scan(2)
        rig.clock += 540
        rig.scan()
        rig.expect(2, 2, unshared: 1)
        try rig.set("minimum_age_millisecs", to: "2000")
        rig.scan()
        rig.expect(2, 2, volatile: 1)
        try rig.set("minimum_age_millisecs", to: "0")
        rig.scan()
        rig.expect(2, 2, unshared: 1)
        #expect(rig.counters.extraBytes == 0)
        rig.expectNothingLeft()
    }

    @Test("a minimum age costs 4 bytes a page, and nothing when there is none")
    func ageCost() throws {
        let rig = try makeRig(Variant(), age: 10)
        rig.fill(1, 0..<64, "a")
        rig.scan(2)
        #expect(rig.counters.extraBytes == 256)
        let profit = rig.counters.generalProfit(pageSize: 4096)
        try rig.set("minimum_age_millisecs", to: "0")
        #expect(rig.counters.extraBytes == 0)
        #expect(rig.counters.generalProfit(pageSize: 4096) == profit + 256)
    }

    @Test("a content merges when enough programs hold it, and then all of its pages", arguments: Variant.few)
    func sharers(variant: Variant) throws {
        let rig = try makeRig(variant, sharers: 3, zeros: true)
        rig.fill(1, 0..<5, "a")
        rig.fill(2, 7..<9, "a")
        rig.fillZeros(1, 20..<22)
        rig.scan(4)
        // Zeros are given back whoever holds them.
        rig.expect(0, 0, unshared: 7, zeros: 2)
        rig.fill(3, 3..<4, "a")
        rig.scan()
        rig.expect(0, 0, volatile: 1, unshared: 7, zeros: 2)
        rig.scan()
        rig.expect(1, 7, zeros: 2)
        // Nobody more is needed to join, or to stay.
        rig.fill(1, 40..<41, "a")
        for space in [2, 3] as [UInt32] { rig.unmap(space) }
        rig.scan(2)
        rig.expect(1, 5, zeros: 2)
        rig.expectFilled(1, 0..<5, "a")
        rig.expectNothingLeft()
    }

    @Test("pages that leave do not count as sharers", arguments: Variant.few)
    func leavers(variant: Variant) throws {
        let rig = try makeRig(variant, sharers: 3)
        rig.fill(1, 0..<4, "a")
        rig.fill(2, 0..<4, "a")
        rig.scan(3)
        rig.expect(0, 0, unshared: 8)
        // The leader and some others; then all of one program.
        rig.fill(1, 0..<1, "b")
        rig.fill(2, 0..<4, "c")
        rig.scan(3)
        rig.expect(0, 0, unshared: 8)
        rig.fill(3, 0..<1, "a")
        rig.scan(3)
        rig.expect(0, 0, unshared: 9)
        rig.unmap(1)
        rig.fill(4, 0..<1, "a")
        rig.scan(3)
        rig.expect(0, 0, unshared: 6)
        rig.fill(2, 0..<1, "a")
        rig.scan(3)
        rig.expect(1, 2, unshared: 3)
        rig.expectNothingLeft()
    }

    @Test("what too few have merged is un-shared again, also when that fails first", arguments: Variant.few)
    func founderRefused(variant: Variant) throws {
        let rig = try makeRig(variant, sharers: 2)
        rig.fill(1, 0..<6, "a")
        rig.fill(2, 0..<1, "a")
        let (refused, stubborn) = (rig.page(2, 0), rig.page(1, 2))
        rig.memory.refusal = { step, page in
            switch step {
            case .merge where page == refused: .unsupported
            case .unmerge where page == stubborn: .outOfMemory
            default: nil
            }
        }
        rig.scan(2)
        #expect(rig.memory.census().merged == 1 && rig.counters.pagesShared == 1)
        rig.fill(1, 9..<10, "a")
        rig.scan(2)
        #expect(rig.memory.census().merged == 1, "nobody joins it")
        rig.memory.refusal = { step, page in step == .merge && page == refused ? .unsupported : nil }
        rig.scan(3)
        #expect(rig.counters.pagesShared == 0 && rig.memory.census().frames == 0)
        rig.memory.refusal = nil
        rig.scan(8)
        rig.expect(1, 7)
        #expect(rig.witness.violations == [])
        rig.expectNothingLeft()
    }

    @Test("large groups merge in plans of bounded size, in rows, and wait at no cost", arguments: Variant.few)
    func largeGroups(variant: Variant) throws {
        var variant = variant
        (variant.rowLength, variant.batchPages, variant.minimumSharers) = (64, 16, 2)
        let rig = Rig(variant)
        try rig.add(1, pages: 3000)
        try rig.add(2, space: 2)
        rig.fill(1, 0..<3000, "a")
        rig.scan(3)
        rig.expect(0, 0, unshared: 3000)
        let comparisons = rig.counters.comparisons
        rig.scan(4)
        let isIdle = variant.tracksChanges && variant.unstable != .redBlackContent
        #expect(rig.counters.comparisons <= comparisons + (isIdle ? 0 : 4 * 3000))
        #expect(rig.counters.extraBytes == (variant.minimumAge > 0 ? 0 : 2999 * 40) || !isIdle)
        var largest = 0
        rig.witness.onPlan = { largest = max(largest, $0.sites.count) }
        rig.fill(2, 5..<6, "a")
        rig.scan(4)
        let counters = rig.counters
        #expect(counters.pagesShared + counters.pagesSharing == 3001)
        #expect(counters.pagesShared > 1 && counters.pagesShared <= 3001 / 8)
        #expect(largest <= 3 * (16 + 64))
        rig.expectFilled(1, 0..<3000, "a")
        rig.expectNothingLeft()
    }

    @Test("minimum_sharers can be raised and lowered", arguments: Variant.few)
    func sharersSetLater(variant: Variant) throws {
        let rig = try makeRig(variant)
        rig.fill(1, 0..<2, "a")
        rig.fill(1, 5..<6, "b")
        rig.scan(2)
        rig.expect(1, 1, unshared: 1)
        try rig.set("minimum_sharers", to: "2")
        rig.fill(1, 6..<9, "b")
        rig.scan(3)
        rig.expect(1, 1, unshared: 4)
        try rig.set("minimum_sharers", to: "1")
        rig.scan(2)
        rig.expect(2, 4)
        for value in ["0", "256", "x"] {
            #expect(throws: AttributeError.self) { try rig.set("minimum_sharers", to: value) }
        }
        #expect(throws: AttributeError.self) { try rig.set("minimum_age_millisecs", to: "4294967296") }
        rig.expectNothingLeft()
    }

    @Test(
        "random sequences: every page, figure, age and founding right",
        arguments: Variant.strategies.filter { $0.checksum != .jhash2 })
    func randomSequences(variant: Variant) {
        for number in PropertyTests.numbers {
            let seed = UInt64(Variant.strategies.firstIndex(of: variant)!) << 32 | number
            var random = SplitMix64(seed: ~seed)
            var variant = variant
            variant.usesZeroPages = Bool.random(using: &random)
            variant.rowLength = [1, 1, 4].randomElement(using: &random)!
            variant.batchPages = [1, 3, 16, 512].randomElement(using: &random)!
            variant.pagesToScan = [4, 30, 1 << 20].randomElement(using: &random)!
            variant.minimumAge = [0, 50, 400].randomElement(using: &random)!
            variant.minimumSharers = UInt8.random(in: 1...3, using: &random)
            let operations = Operation.narrowSequence(of: PropertyTests.length, using: &random)
            guard let failure = Walk.failure(of: operations, variant, clockStep: 7) else { continue }
            let short = shrink(operations) { Walk.failure(of: $0, variant, clockStep: 7) != nil }
            let told = short.map { "  \($0)" }.joined(separator: "\n")
            let shortFailure = Walk.failure(of: short, variant, clockStep: 7) ?? ""
            Issue.record("seed \(seed), \(variant): \(failure)\nshrunk to \(short.count): \(shortFailure)\n\(told)")
            return
        }
    }
}
