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
        // One scan is nothing yet for a memory that tells what changed: the page is there from the first on.
        rig.scan(50)
        #expect(rig.counters.fullScans == 50)
        #expect(rig.counters.pagesScanned == 11)
        #expect(rig.counters.pagesSkipped == 39)
        rig.expectFilled(1, 0..<1, "a")
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
