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

    @Test("Rewritten pages that are equal again drop back on their frames")
    func dropBack() throws {
        let bed = try rewrittenBed(10..<20)
        let (report, outcomes) = bed.merge(
            (10..<20).map { bed.page($0, kind: .rewritten, liesOverFrame: true) })
        #expect(outcomes.allSatisfy { $0 == .merged })
        #expect(report.mapCalls == 1)
        #expect(report.moveCalls == 0)
        #expect(bed.region.privatePages() == 0)
        #expect(bed.region.mappings().count == 1)
        #expect(bed.isIntact)
    }

    @Test("Rewritten pages map other frames")
    func otherFrames() throws {
        let bed = try rewrittenBed(0..<0)
        for page in 10..<20 { bed.region.fill(page, seed: page + 31) }
        let (_, outcomes) = bed.merge((10..<20).map { bed.page($0, frame: $0 + 30, kind: .rewritten) })
        #expect(outcomes.allSatisfy { $0 == .merged })
        #expect(bed.region.privatePages() == 0)
        for page in 0..<64 {
            #expect(bed.region.holds(page, seed: (10..<20).contains(page) ? page + 31 : page + 1))
        }
    }

    @Test("Rewritten pages of zeros become anonymous holes")
    func rewrittenZeros() throws {
        let bed = try rewrittenBed(0..<0)
        for page in 10..<20 { bed.region.fill(page, seed: 0) }
        let (report, outcomes) = bed.merge((10..<20).map { bed.page($0, kind: .rewrittenZeros) })
        #expect(outcomes.allSatisfy { $0 == .merged })
        #expect(report.mapCalls == 1)
        #expect(bed.region.privatePages() == 0)
        #expect((10..<20).allSatisfy { bed.region.holds($0, seed: 0) })
        #expect(bed.scan { $0.isPresent && !$0.isKernelZero && !$0.isFile }.isEmpty)
        bed.region[12, 3] = 1
        #expect(bed.scan { $0.isPresent && !$0.isKernelZero } == [12])
    }

    @Test("Rewritten pages that differ stay private")
    func differing() throws {
        let bed = try rewrittenBed(10..<20)
        bed.region[15, 9] = 1
        let (_, outcomes) = bed.merge(
            (10..<20).map { bed.page($0, kind: .rewritten, liesOverFrame: true) })
        #expect(outcomes[5] == .changed)
        #expect(outcomes.count { $0 == .merged } == 9)
        #expect(bed.region[15, 9] == 1)
        #expect(bed.region.privatePages() == 1)
    }

    @Test("Where pins are possible they are left alone")
    func notAllowed() throws {
        let bed = try rewrittenBed(10..<20)
        bed.remapper.mergesRewritten = false
        let (_, outcomes) = bed.merge(
            (10..<20).map { bed.page($0, kind: .rewritten, liesOverFrame: true) })
        #expect(outcomes.allSatisfy { $0 == .busy })
        #expect(bed.region.privatePages() == 10)
        #expect(bed.isIntact)
    }

    @Test("Anonymous and rewritten pages in one window")
    func mixture() throws {
        let bed = try Bed(pages: 64)
        _ = bed.merge((0..<32).map { bed.page($0) })
        for page in stride(from: 0, to: 32, by: 2) { bed.region.fill(page, seed: page + 1) }
        var list: [RemapPage] = []
        for page in 0..<64 where page >= 32 || page % 2 == 0 {
            list.append(bed.page(page, kind: page < 32 ? .rewritten : .frame, liesOverFrame: page < 32))
        }
        let (_, outcomes) = bed.merge(list)
        #expect(outcomes.allSatisfy { $0 == .merged })
        #expect(bed.region.privatePages() == 0)
        #expect(bed.region.mappings().count == 1)
        #expect(bed.isIntact)
    }
}
