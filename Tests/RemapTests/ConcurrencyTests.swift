import CLinuxMemory
import Remap
import Synchronization
import Testing

extension Bed {
    /// Merges what is not merged, again and again, and unmerges it, for some time.
    func churn(milliseconds: UInt64) -> RemapReport {
        var total = RemapReport()
        let end = lm_monotonic_nanoseconds() + milliseconds * 1_000_000
        while lm_monotonic_nanoseconds() < end {
            for _ in 0..<3 { total.add(mergeAll()) }
            var page = 0
            while page < region.count {
                var last = page
                while last < region.count, isMerged[last] == isMerged[page] { last += 1 }
                if isMerged[page] { total.add(unmerge(page..<last).report) }
                page = last
            }
        }
        return total
    }

    /// Merges whatever is private at the moment.
    private func mergeAll() -> RemapReport {
        let entries = region.pagemap()
        var list: [RemapPage] = []
        for page in 0..<region.count {
            guard entries[page] & LM_PAGEMAP_PRESENT != 0, entries[page] & LM_PAGEMAP_FILE == 0 else { continue }
            list.append(self.page(page, kind: isMerged[page] ? .shared : .frame))
        }
        return list.isEmpty ? RemapReport() : merge(list).report
    }
}

@Suite(.serialized, .enabled(if: Bed.missing == nil, "\(Bed.missing ?? "")"))
struct ConcurrencyTests {
    @Test("No write is lost while pages merge and unmerge under writers")
    func writers() throws {
        var report = RemapReport()
        var writes = 0
        // Pages that were written where they lie over frames are left alone: new memory has others.
        for _ in 0..<8 {
            let bed = try Bed(pages: 256)
            let crowd = Crowd(on: bed.region)
            crowd.run { report.add(bed.churn(milliseconds: 250)) }
            #expect(crowd.lostWrites == 0)
            #expect(bed.isIntact)
            writes += crowd.writeCount
        }
        #expect(writes > 1000)
        #expect(report.merged > 1000)
        #expect(report.lost == 0)
        #expect(report.blockedWrites > 0)
        #expect(!report.trackingLost)
    }

    @Test("Remappers of one process do not take each other for onlookers")
    func severalRemappers() {
        let merged = Atomic(0)
        let runners = (0..<4).map { _ in
            Runner {
                // Each new remapper looks at all threads of the process at its first window.
                for _ in 0..<50 {
                    guard let bed = try? Bed(pages: 8) else { return }
                    merged.add(Int(bed.merge((0..<8).map { bed.page($0) }).report.merged), ordering: .relaxed)
                }
            }
        }
        for runner in runners { runner.join() }
        #expect(merged.load(ordering: .relaxed) == 4 * 50 * 8)
    }

    #if Mutants
        @Test("Without write protection and second compare, writes are lost")
        func mutant() throws {
            let bed = try Bed(pages: 256)
            bed.remapper.mutants = RemapMutants(rawValue: 3)
            let crowd = Crowd(on: bed.region)
            crowd.run { _ = bed.churn(milliseconds: 4000) }
            #expect(crowd.lostWrites > 0)
        }

        @Test("Where rewritten pages are trusted and not protected, writes are lost")
        func mutantOfRewritten() throws {
            let bed = try Bed(pages: 256)
            bed.remapper.mutants = RemapMutants(rawValue: 17)
            let crowd = Crowd(on: bed.region)
            crowd.run { _ = bed.churn(milliseconds: 4000) }
            #expect(crowd.lostWrites > 0)
        }
    #endif
}
