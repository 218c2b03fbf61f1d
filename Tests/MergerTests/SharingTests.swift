import Merger
import PageMemory
import SimulatedMemory
import Testing

@Suite("Groups of equal pages")
struct SharingTests {
    @Test("pages of one batch meet each other, whatever its size", arguments: Variant.few, [1, 2, 3, 7, 512])
    func batches(variant: Variant, batchPages: Int) throws {
        var variant = variant
        variant.batchPages = batchPages
        let rig = Rig(variant)
        try rig.add(1)
        try rig.add(2, space: 2)
        for index in 0..<20 {
            rig.fill(1, index..<index + 1, ["a", "b", "c"][index % 3])
            rig.fill(2, index..<index + 1, ["a", "b", "c", "d"][index % 4])
        }
        rig.scan(2)
        // "d" five times; the others from both.
        rig.expect(4, 36)
        rig.expectNothingLeft()
    }

    @Test("a founder that cannot be merged leaves its twins without a frame", arguments: Variant.few)
    func founderRefused(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<4, "a")
        rig.memory.refusal = { step, _ in step == .fill ? .outOfMemory : nil }
        rig.scan(4)
        rig.expect(0, 0, unshared: 4)
        #expect(rig.memory.census().own == 4)
        rig.memory.refusal = nil
        rig.scan(8)
        rig.expect(1, 3)
    }

    @Test("of two founders one is refused: the other is un-shared again", arguments: Variant.few, [0, 1])
    func loneFounder(variant: Variant, refused: Int) throws {
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<2, "a")
        let page = rig.page(1, refused)
        rig.memory.refusal = { $0 == .merge && $1 == page ? .busy : nil }
        rig.scan(2)
        #expect(rig.counters.pagesShared == 0)
        #expect(rig.memory.census().merged == 0 && rig.memory.census().frames == 0)
        rig.expectFilled(1, 0..<2, "a")
        rig.memory.refusal = nil
        rig.scan(8)
        rig.expect(1, 1)
        rig.expectNothingLeft()
    }

    @Test("a founder that is written in flight takes nobody with it", arguments: Variant.few)
    func founderChanges(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<5, "a")
        let (first, bytes) = (rig.page(1, 0), rig.bytes("z"))
        rig.scan()
        rig.memory.interference = { if $1 == .beforeFilling(group: 0) { $0.write(bytes, to: first) } }
        rig.scan()
        rig.memory.interference = nil
        rig.expect(0, 0, volatile: 5)
        rig.expectFilled(1, 0..<1, "z")
        rig.scan(3)
        rig.expect(1, 3, unshared: 1)
        rig.expectFilled(1, 1..<5, "a")
        rig.expectNothingLeft()
    }

    @Test("rows: as many frames as pay for themselves, content unchanged", arguments: Variant.few)
    func rows(variant: Variant) throws {
        var variant = variant
        variant.rowLength = 64
        let rig = Rig(variant)
        try rig.add(1, pages: 2048)
        for pages in [15, 40, 300, 2048] {
            rig.fill(1, 0..<pages, "a")
            rig.scan(2)
            let counters = rig.counters
            #expect(counters.pagesShared + counters.pagesSharing == pages)
            #expect(counters.pagesShared <= max(1, pages / 8) && (counters.pagesShared > 1) == (pages >= 32))
            rig.expectFilled(1, 0..<pages, "a")
            rig.expectSound()
        }
        rig.fill(1, 100..<200, "b")
        rig.scan(2)
        rig.expectFilled(1, 0..<100, "a")
        rig.expectFilled(1, 100..<200, "b")
        rig.expectFilled(1, 200..<2048, "a")
        rig.expectNothingLeft()
    }

    @Test("row_length 1 makes one frame of any number of pages")
    func noRows() throws {
        let rig = Rig()
        try rig.set("max_page_sharing", to: "100000")
        try rig.add(1, pages: 2048)
        rig.fill(1, 0..<2048, "a")
        rig.scan(2)
        rig.expect(1, 2047)
    }

    @Test("zeros are given back with use_zero_pages 1, and merge with 0", arguments: Variant.few)
    func zeros(variant: Variant) throws {
        var variant = variant
        for uses in [true, false] {
            variant.usesZeroPages = uses
            let rig = Rig(variant)
            try rig.add(1)
            rig.fillZeros(1, 0..<6)
            rig.fill(1, 6..<8, "a")
            rig.scan(3)
            if uses {
                rig.expect(1, 1, zeros: 6)
                #expect(rig.memory.census().zeroed == 6)
                rig.fill(1, 0..<1, "a")
                rig.scan(2)
                rig.expect(1, 2, zeros: 5)
                rig.fillZeros(1, 0..<1)
                rig.scan(3)
                rig.expect(1, 1, zeros: 6)
            } else {
                rig.expect(2, 6)
            }
            rig.expectNothingLeft()
        }
    }

    @Test("a different page with the checksum of zeros finds its twin all the same", arguments: Variant.few)
    func zeroTwins(variant: Variant) throws {
        var variant = variant
        variant.checksum = .weak
        variant.usesZeroPages = true
        let rig = Rig(variant)
        try rig.add(1)
        for (place, character) in "abcdefghijklmnop".enumerated() { rig.fill(1, place * 2..<place * 2 + 2, character) }
        rig.scan(6)
        rig.expect(16, 16)
    }

    @Test("an idle scan of unchanged memory reads nothing", arguments: Variant.few)
    func idleScan(variant: Variant) throws {
        // Trees ordered by content are emptied after each scan, as the kernel's.
        guard variant.tracksChanges, variant.unstable != .redBlackContent else { return }
        var variant = variant
        variant.usesZeroPages = true
        let rig = Rig(variant)
        try rig.add(1, pages: 512)
        rig.fill(1, 0..<100, "a")
        rig.fillZeros(1, 100..<110)
        for index in 110..<300 { rig.memory.write([UInt8(index % 256), 1, 2], to: rig.page(1, index)) }
        rig.scan(3)
        let before = rig.counters
        rig.memory.tally = SimulatedTally()
        rig.scan(10)
        #expect(rig.memory.tally.isIdle)
        #expect(rig.memory.tally.observations == 10 && rig.memory.tally.pagesReported == 0)
        #expect(rig.counters.comparisons == before.comparisons)
        #expect(rig.counters.pagesChecksummed == before.pagesChecksummed)
        #expect(rig.counters.fullScans == before.fullScans + 10)
        // Present pages are charged, merged ones too, as in the kernel.
        #expect(rig.counters.pagesScanned == before.pagesScanned + 2900)
        rig.memory.write([9], to: rig.page(1, 200))
        rig.scan()
        #expect(rig.memory.tally.checksums == 1, "one page changed, one is read")
    }
}
