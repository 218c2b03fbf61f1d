import CLinuxMemory
import Remap
import Testing

@Suite(.enabled(if: Bed.missing == nil, "\(Bed.missing ?? "")"))
struct UnmergeTests {
    @Test("Unmerged pages are anonymous memory with the same bytes, and merge again")
    func unmerge() throws {
        let bed = try Bed(pages: 512)
        _ = bed.merge((0..<512).map { bed.page($0) })
        for round in 0..<3 {
            let (report, outcomes) = bed.unmerge(100..<300)
            #expect(outcomes.allSatisfy { $0 == .merged }, "round \(round)")
            #expect(report.merged == 200)
            #expect(bed.isIntact)
            #expect(bed.region.privatePages() == 200)
            #expect(bed.region.mappings().count == 3)
            // Nothing of the segment is mapped there any more.
            #expect(bed.region.mappings()[1].name.isEmpty)
            bed.region[150, 0] = 5
            #expect(bed.scan { !$0.isFile }.contains(150))
            bed.region.fill(150, seed: 151)
            #expect(bed.merge((100..<300).map { bed.page($0) }).outcomes.allSatisfy { $0 == .merged })
            #expect(bed.region.privatePages() == 0)
            #expect(bed.isIntact)
        }
    }

    @Test("Runs unmerged in one call join")
    func join() throws {
        let bed = try Bed(pages: 64)
        _ = bed.merge(stride(from: 0, to: 64, by: 2).map { bed.page($0) })
        #expect(bed.region.mappings().count == 64)
        for page in stride(from: 1, to: 64, by: 2) { _ = bed.merge([bed.page(page)]) }
        #expect(bed.region.mappings().count == 1)
        #expect(bed.unmerge(0..<64).report.merged == 64)
        #expect(bed.region.mappings().count == 1)
        #expect(bed.isIntact)
    }

    @Test("Rewritten pages stay where they are")
    func rewritten() throws {
        let bed = try Bed(pages: 64)
        _ = bed.merge((0..<64).map { bed.page($0) })
        bed.region[20, 0] = 77
        let (report, outcomes) = bed.unmerge(0..<64)
        #expect(report.merged == 63)
        #expect(outcomes[20] == .rewritten)
        #expect(bed.region[20, 0] == 77)
        #expect((0..<64).allSatisfy { $0 == 20 || bed.region.holds($0, seed: $0 + 1) })
        #expect(bed.region.privatePages() == 64)
    }

    @Test("The area's advice goes with the copies")
    func advice() throws {
        let bed = try Bed(pages: 16, advice: [LM_MADV_DONTFORK].map { Int($0) })
        _ = bed.merge((0..<16).map { bed.page($0, advice: .dontFork) })
        _ = bed.unmerge(0..<16, advice: .dontFork)
        #expect(bed.region.mappings().allSatisfy { $0.flags.contains("dc") })
        #expect(bed.isIntact)
    }

    @Test("Sharing is broken in place")
    func breakSharing() throws {
        let bed = try Bed(pages: 64)
        _ = bed.merge((0..<64).map { bed.page($0) })
        let report = unsafe bed.remapper.breakSharing(bed.region.pointer(8), pageCount: 8)
        #expect(report.error == 0)
        #expect(bed.region.privatePages() == 8)
        #expect(bed.region.mappings().count == 1)
        #expect(bed.isIntact)
    }

    @Test("Discarded pages read as zeros, and are tracked", arguments: [true, false])
    func discard(merged: Bool) throws {
        let bed = try Bed(pages: 64)
        if merged { _ = bed.merge((0..<64).map { bed.page($0) }) }
        bed.region[12, 0] = 1
        let report = unsafe bed.remapper.discard(
            bed.region.pointer(10), pageCount: 20, merged: merged, advice: .noHugePage)
        #expect(report.merged == 20)
        #expect(report.error == 0)
        for page in 0..<64 {
            #expect(bed.region.holds(page, seed: (10..<30).contains(page) ? 0 : page + 1))
        }
        _ = bed.scan()
        bed.region[15, 1] = 3
        #expect(bed.scan { !$0.isFile && !$0.isKernelZero } == [15])
    }
}
