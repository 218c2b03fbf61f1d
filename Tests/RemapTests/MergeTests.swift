import CLinuxMemory
import Remap
import Testing

@Suite(.enabled(if: Bed.missing == nil, "\(Bed.missing ?? "")"))
struct MergeTests {
    @Test("A run of 512 pages becomes one mapping of its frames")
    func longRun() throws {
        let bed = try Bed(pages: 512)
        let (report, outcomes) = bed.merge((0..<512).map { bed.page($0) })
        #expect(outcomes.allSatisfy { $0 == .merged })
        #expect(report.merged == 512)
        #expect(report.mapCalls == 1)
        #expect(report.error == 0)
        #expect(bed.region.filePages() == 512)
        #expect(bed.region.mappings().count == 1)
        #expect(bed.region.mappings()[0].anonymousKiB == 0)
        #expect(bed.isIntact)
    }

    @Test("A write breaks the sharing of its page only")
    func copyOnWrite() throws {
        let bed = try Bed(pages: 16)
        _ = bed.merge((0..<16).map { bed.page($0) })
        bed.region[3, 100] = 42
        #expect(bed.region[3, 100] == 42)
        #expect(bed.frames.holds(3, seed: 4))
        #expect(bed.region.privatePages() == 1)
        #expect((0..<16).allSatisfy { $0 == 3 || bed.region.holds($0, seed: $0 + 1) })
    }

    @Test("Single pages, and alternate ones", arguments: [1, 2, 5])
    func alternate(step: Int) throws {
        let bed = try Bed(pages: 512)
        let some = stride(from: 0, to: 512, by: step).map { bed.page($0) }
        let (report, outcomes) = bed.merge(some)
        #expect(outcomes.allSatisfy { $0 == .merged })
        #expect(Int(report.merged) == some.count)
        #expect(bed.isIntact)
        #expect(bed.region.filePages() == some.count)
        #expect(bed.region.privatePages() == 512 - some.count)
    }

    @Test("Pages of zeros are given back without a mapping")
    func zeros() throws {
        let bed = try Bed(pages: 512)
        for page in 0..<512 where page % 3 != 0 { bed.region.fill(page, seed: 0) }
        let (_, outcomes) = bed.merge((0..<512).map { bed.page($0, kind: .zeros) })
        for page in 0..<512 {
            #expect(outcomes[page] == (page % 3 == 0 ? .changed : .merged))
        }
        #expect(bed.region.privatePages() == 171)
        #expect(bed.region.mappings().count == 1)
        for page in 0..<512 { #expect(bed.region.holds(page, seed: page % 3 == 0 ? page + 1 : 0)) }
    }

    @Test("Pages that differ, or hold nothing, stay as they are")
    func differing() throws {
        let bed = try Bed(pages: 64)
        bed.region[7, 511] = 1
        lm_madvise(bed.region.address + UInt(9 * Pages.size), Pages.size, Int32(LM_MADV_DONTNEED))
        let (report, outcomes) = bed.merge((0..<64).map { bed.page($0) })
        for page in 0..<64 {
            #expect(outcomes[page] == (page == 7 ? .changed : page == 9 ? .gone : .merged))
        }
        #expect(report.merged == 62)
        #expect(bed.region[7, 511] == 1)
        #expect(bed.region.holds(9, seed: 0))
    }

    @Test("Frames in another order than the pages")
    func permuted() throws {
        let bed = try Bed(pages: 64)
        for page in 0..<64 { bed.region.fill(page, seed: 64 - page) }
        let (report, outcomes) = bed.merge((0..<64).map { bed.page($0, frame: 63 - $0) })
        #expect(outcomes.allSatisfy { $0 == .merged })
        #expect(report.moveCalls == 1)
        #expect(report.mapCalls == 64)
        for page in 0..<64 { #expect(bed.region.holds(page, seed: 64 - page)) }
    }

    @Test("A window across two mappings of anonymous memory")
    func twoMappings() throws {
        let bed = try Bed(pages: 64)
        lm_madvise(bed.region.address + UInt(37 * Pages.size), 27 * Pages.size, Int32(LM_MADV_DONTDUMP))
        #expect(bed.region.mappings().count == 2)
        let (_, outcomes) = bed.merge((0..<64).map { bed.page($0) })
        #expect(outcomes.allSatisfy { $0 == .merged })
        #expect(bed.isIntact)
    }

    @Test("Advice is given again")
    func advice() throws {
        let bed = try Bed(pages: 32, advice: [LM_MADV_DONTFORK, LM_MADV_DONTDUMP].map { Int($0) })
        let advice: RemapAdvice = [.dontFork, .dontDump, .noHugePage]
        _ = bed.merge((0..<32).map { bed.page($0, advice: advice) })
        let mappings = bed.region.mappings()
        #expect(mappings.count == 1)
        #expect(mappings[0].flags.isSuperset(of: ["dc", "dd", "nh"]))
        #expect(bed.isIntact)
    }

    @Test("Neighbouring windows on neighbouring frames join")
    func windowsJoin() throws {
        let bed = try Bed(pages: 1024)
        for window in 0..<2 {
            _ = bed.merge((0..<512).map { bed.page(window * 512 + $0, window: window) }, window: window)
        }
        #expect(bed.region.mappings().count == 1)
        #expect(bed.isIntact)
    }

    @Test("Huge pages")
    func hugePages() throws {
        let bed = try Bed(pages: 1024)
        lm_madvise(bed.region.address, bed.region.bytes, Int32(LM_MADV_DONTNEED))
        lm_madvise(bed.region.address, bed.region.bytes, Int32(LM_MADV_HUGEPAGE))
        for page in 0..<1024 { bed.region.fill(page, seed: page + 1) }
        let whole = bed.merge((0..<512).map { bed.page($0, advice: .hugePage) })
        #expect(whole.outcomes.allSatisfy { $0 == .merged })
        let half = bed.merge(
            stride(from: 512, to: 1024, by: 2).map { bed.page($0, window: 1, advice: .hugePage) }, window: 1)
        #expect(half.outcomes.allSatisfy { $0 == .merged })
        #expect(bed.isIntact)
    }

    #if Mutants
        @Test("Pages that changed after the first compare move back")
        func moveBack() throws {
            let bed = try Bed(pages: 512)
            bed.remapper.mutants = .noFirstCompare
            let differing = [0, 3, 4, 5, 100, 511]
            for page in differing { bed.region[page, 7] = 1 }
            let (report, outcomes) = bed.merge((0..<512).map { bed.page($0) })
            #expect(report.movedBack == UInt32(differing.count))
            for page in 0..<512 { #expect(outcomes[page] == (differing.contains(page) ? .changed : .merged)) }
            for page in differing {
                #expect(bed.region[page, 7] == 1)
                bed.region[page, 7] = UInt64((page + 1) * Pages.words + 7)
            }
            #expect(bed.isIntact)
            #expect(bed.region.privatePages() == differing.count)
        }
    #endif

    @Test("A wrong plan changes nothing")
    func wrongPlans() throws {
        let bed = try Bed(pages: 8)
        for plan in [[bed.page(3), bed.page(3)], [bed.page(4), bed.page(1)], [bed.page(8, frame: 0)]] {
            let (report, outcomes) = bed.merge(plan)
            #expect(report.error == Int32(LM_EINVAL))
            #expect(outcomes.allSatisfy { $0 == .failed })
        }
        #expect(bed.isIntact)
        #expect(bed.region.filePages() == 0)
    }
}
