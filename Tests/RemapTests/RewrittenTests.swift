import CLinuxMemory
import Remap
import Testing

@Suite(.enabled(if: Bed.missing == nil, "\(Bed.missing ?? "")"))
struct RewrittenTests {
    /// A bed whose pages are merged, some rewritten to the content that they had.
    private func rewrittenBed(_ rewritten: Range<Int>) throws -> Bed {
        let bed = try Bed(pages: 64)
        _ = bed.merge((0..<64).map { bed.page($0) })
        for page in rewritten {
            bed.region[page, 0] = 0
            bed.region.fill(page, seed: page + 1)
        }
        #expect(bed.region.privatePages() == rewritten.count)
        return bed
    }

    @Test("Rewritten pages are left alone, equal or not")
    func leftAlone() throws {
        let bed = try rewrittenBed(10..<20)
        bed.region[15, 9] = 1
        let (report, outcomes) = bed.merge((10..<20).map { bed.page($0, kind: .shared) })
        #expect(outcomes.allSatisfy { $0 == .busy })
        #expect(report.mapCalls == 0 && report.moveCalls == 0)
        #expect(bed.region[15, 9] == 1)
        #expect(bed.region.privatePages() == 10)
    }

    @Test("Rewritten pages of zeros are left alone")
    func zeros() throws {
        let bed = try rewrittenBed(0..<0)
        for page in 10..<20 { bed.region.fill(page, seed: 0) }
        let (_, outcomes) = bed.merge((10..<20).map { bed.page($0, kind: .sharedZeros) })
        #expect(outcomes.allSatisfy { $0 == .busy })
        #expect(bed.region.privatePages() == 10)
        #expect((10..<20).allSatisfy { bed.region.holds($0, seed: 0) })
    }

    @Test("Pages that still are their frames map others of the same content")
    func otherFrames() throws {
        let bed = try rewrittenBed(0..<0)
        #expect((0..<64).allSatisfy { bed.region.holds($0, seed: $0 + 1) })
        let (_, outcomes) = bed.merge((10..<20).map { bed.page($0, kind: .shared) })
        #expect(outcomes.allSatisfy { $0 == .merged })
        #expect(bed.region.privatePages() == 0)
        #expect(bed.isIntact)
    }

    @Test("Discarded pages of a merged run merge again, and only they")
    func discarded() throws {
        let bed = try rewrittenBed(10..<20)
        for page in 12..<14 {
            // SAFETY: a page of the region.
            let report = unsafe bed.remapper.discard(
                bed.region.pointer(page), pageCount: 1, merged: true, advice: .none)
            #expect(report.merged == 1)
            bed.region.fill(page, seed: page + 1)
        }
        let (_, outcomes) = bed.merge(
            (10..<20).map { bed.page($0, kind: (12..<14).contains($0) ? .frame : .shared) })
        #expect((10..<20).allSatisfy { outcomes[$0 - 10] == ((12..<14).contains($0) ? .merged : .busy) })
        #expect(bed.region.privatePages() == 8)
        #expect(bed.isIntact)
    }
}
