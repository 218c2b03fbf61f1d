import Merger
import Testing

struct SmartScanTests {
    static let variants = Variant.corners.flatMap { corner in
        ([1 << 20, 5] as [UInt32]).map { pages in
            var variant = corner
            variant.smartScan = true
            variant.pagesToScan = pages
            return variant
        }
    }

    @Test("a page without a twin is passed over more and more, and scanned as the kernel scans it", arguments: variants)
    func skips(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<1, "a")
        var visits: [Int] = []
        for visit in 0..<50 {
            let before = rig.counters
            rig.scan()
            let scanned = rig.counters.pagesScanned - before.pagesScanned
            #expect(scanned + rig.counters.pagesSkipped - before.pagesSkipped == 1)
            if scanned == 1 { visits.append(visit) }
            // One that is passed over leaves the unstable tree.
            #expect(rig.counters.pagesUnshared == (scanned == 1 && visit > 0 ? 1 : 0))
        }
        #expect(visits == [0, 1, 2, 3, 5, 8, 13, 22, 31, 40, 49])
        #expect(rig.counters.fullScans == 50)
        // Content does not matter: the page is as old as it was.
        rig.fill(1, 0..<1, "b")
        rig.scan(8)
        #expect(rig.counters.pagesScanned == 11)
        rig.expectFilled(1, 0..<1, "b")
    }

    @Test(
        "pages that are passed over do not count as scanned, and merged ones are never passed over", arguments: variants
    )
    func budget(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.add(1, pages: 64)
        rig.fill(1, 0..<10, "a")
        for index in 10..<20 { rig.fill(1, index..<index + 1, Character(UnicodeScalar(UInt8(64 + index)))) }
        rig.scan(2)
        rig.expect(1, 9, unshared: 10)
        let before = rig.counters
        rig.scan(9 * 20)
        let after = rig.counters
        #expect(after.pagesScanned - before.pagesScanned + after.pagesSkipped - before.pagesSkipped == 9 * 20 * 20)
        #expect(after.pagesScanned - before.pagesScanned >= 9 * 20 * 10)
        #expect(after.pagesSkipped > before.pagesSkipped)
        rig.expectFilled(1, 0..<10, "a")
    }

    @Test("what is known of pages costs two bytes each")
    func cost() throws {
        var variant = Variant()
        variant.smartScan = true
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<3, "a")
        rig.scan(2)
        rig.expect(1, 2)
        #expect(rig.counters.extraBytes == 64 * 2)
        #expect(try rig.value("general_profit") == String(2 * 64 - 3 * 32 - 128))
        #expect(rig.merger.bytesPerItem == 34)
    }

    @Test("twins find each other again when both are scanned in one round", arguments: variants)
    func twins(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.add(1)
        try rig.add(17, space: 2)
        rig.fill(1, 0..<1, "a")
        rig.scan(20)
        // As old as the other is now when it has been scanned as often.
        rig.fill(17, 0..<1, "a")
        rig.scan(12)
        rig.expect(1, 1)
    }
}
