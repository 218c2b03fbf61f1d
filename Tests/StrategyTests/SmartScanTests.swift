import FixedPolicy
import ScanPolicy
import SmartScanPolicy
import Testing

struct SmartScanTests {
    /// The visits, of so many, on which a page that never merges is scanned.
    private func scans(of visits: Int, _ change: (Int, inout PageAges) -> Void = { _, _ in }) -> [Int] {
        var ages = PageAges()
        return (0..<visits).filter { visit in
            change(visit, &ages)
            return ages.visit(chunk: 2, candidates: 1 << 63, absent: 0) != 0
        }
    }

    @Test("a page that never merges is scanned less and less, in the long run on every ninth visit")
    func steps() {
        #expect(scans(of: 50) == [0, 1, 2, 3, 5, 8, 13, 22, 31, 40, 49])
        let later = scans(of: 3000).filter { $0 >= 1000 }
        #expect(zip(later, later.dropFirst()).allSatisfy { $1 - $0 == 9 })
    }

    @Test("a page that was gone, or whose chunk was forgotten, begins anew; its neighbours do not")
    func forgetting() {
        let gone = scans(of: 30) { visit, ages in
            if visit == 15 { _ = ages.visit(chunk: 2, candidates: 0, absent: 1 << 63) }
        }
        #expect(gone == [0, 1, 2, 3, 5, 8, 13, 15, 16, 17, 18, 20, 23, 28])
        let chunkGone = scans(of: 20) { visit, ages in if visit == 15 { ages.forget(chunk: 2) } }
        #expect(chunkGone.suffix(4) == [15, 16, 17, 18])
        let otherChunkGone = scans(of: 20) { visit, ages in if visit == 15 { ages.forget(chunk: 1) } }
        #expect(otherChunkGone.suffix(1) == [13])
        let neighbourGone = scans(of: 20) { visit, ages in
            if visit == 15 { _ = ages.visit(chunk: 2, candidates: 0, absent: 1 << 62) }
        }
        #expect(neighbourGone.suffix(1) == [13])
    }

    @Test("each page of a chunk counts for itself")
    func pages() {
        var ages = PageAges()
        for _ in 0..<4 { #expect(ages.visit(chunk: 0, candidates: 0xf0, absent: 0) == 0xf0) }
        #expect(ages.visit(chunk: 0, candidates: 0xff, absent: 0) == 0x0f)
        #expect(ages.visit(chunk: 0, candidates: 0xff, absent: 0) == 0xff)
    }

    @Test("the pace is the other policy's")
    func pace() throws {
        var policy = SmartScanPolicy(pace: FixedPolicy(pagesToScan: 7, sleepMillisecs: 9))
        #expect(policy.nextBatch() == ScanBatch(pages: 7, sleepMilliseconds: 9))
        try policy.set("pages_to_scan", to: "8")
        #expect(policy.nextBatch().pages == 8)
    }
}
