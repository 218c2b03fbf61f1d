import Assembly
import InProcess
import Merger
import Testing

extension RealMemory {
    struct SavingTests {
        @Test("A pass over idle memory costs a handful of system calls per GiB and reads nothing")
        func idle() throws {
            let merger = try InProcessMerger.quiet()
            let region = try MergeableRegion.allocate(byteCount: 512 * mebi, in: merger)
            for page in 0..<region.pageCount { try region.poke(page, UInt64(page + 1)) }
            try merger.mergeNow()
            try merger.scan(fullScans: 2)
            let before = try merger.statistics()
            let counters = try merger.counters()
            try merger.scan(fullScans: 10)
            let after = try merger.statistics()
            let scans = try merger.counters().fullScans - counters.fullScans
            #expect(scans >= 10)
            let calls = Double(after.pagemapScans - before.pagemapScans) / Double(scans)
            #expect(calls <= 8, "\(calls) calls of PAGEMAP_SCAN in each pass over 512 MiB")
            #expect(after.bytesRead == before.bytesRead)
            try region.release()
        }

        @Test("Of 64 MiB with every content twice, 99 in 100 pages are merged after two full scans")
        func everyContentTwice() async {
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet()
                try merger.set("run", to: "0")
                let region = try MergeableRegion.allocate(byteCount: 64 * mebi, in: merger)
                let half = region.pageCount / 2
                let seed = { (page: Int) in 1 + page % half }
                try region.fill(seed: seed)
                let before = Process.anonymous
                try merger.set("run", to: "1")
                try merger.scan(fullScans: 2)
                let merged = try merger.counters()
                #expect(
                    merged.pagesShared + merged.pagesSharing >= region.pageCount * 99 / 100,
                    "merged.pagesShared + merged.pagesSharing >= region.pageCount * 99 / 100")
                func saving() throws -> Int {
                    before - Process.anonymous - (try merger.statistics().storedBytes)
                }
                #expect(try saving() > 28 * mebi, "saving() > 28 * mebi")
                #expect(try region.wrongPages(seed: seed).isEmpty, "region.wrongPages(seed: seed).isEmpty")
                #expect(try saving() > 28 * mebi, "reading everything made copies")

                // Rewritten pages stay, and are counted; discarded and filled again they merge within two scans.
                let rewritten = Array(stride(from: 0, to: region.pageCount, by: 5))
                for page in rewritten { try region.poke(page, Content.word(0, seed: seed(page))) }
                try merger.scan(fullScans: 3)
                #expect(
                    try merger.statistics().rewrittenPages == rewritten.count,
                    "merger.statistics().rewrittenPages == rewritten.count")
                for page in rewritten {
                    try region.discard(page * pageSize..<(page + 1) * pageSize)
                    try region.fill(page..<page + 1, seed: seed)
                }
                try merger.scan(fullScans: 3)
                #expect(
                    try region.census().merged >= region.pageCount * 99 / 100,
                    "region.census().merged >= region.pageCount * 99 / 100")
                #expect(try region.wrongPages(seed: seed).isEmpty, "region.wrongPages(seed: seed).isEmpty")

                // Everything is given back.
                try region.release()
                let statistics = try merger.statistics()
                #expect(statistics.framesInUse == 0, "statistics.framesInUse == 0")
                #expect(statistics.storedBytes <= 64 * mebi, "statistics.storedBytes <= 64 * mebi")
                let again = try MergeableRegion.allocate(byteCount: 160 * mebi, in: merger)
                try again.fill { 1 + $0 % (again.pageCount / 2) }
                try merger.mergeNow()
                #expect(
                    try merger.statistics().storedBytes >= 79 * mebi,
                    "merger.statistics().storedBytes >= 79 * mebi")
                try again.unmerge()
                #expect(try merger.statistics().framesInUse == 0, "merger.statistics().framesInUse == 0")
                #expect(
                    try merger.statistics().storedBytes <= 64 * mebi,
                    "merger.statistics().storedBytes <= 64 * mebi")
                try again.release()
            }
        }

        @Test("Pages of zeros are given back without frames", arguments: [true, false])
        func zeros(usesZeroPages: Bool) async {
            await #expect(processExitsWith: .success) { [usesZeroPages] in
                let merger = try InProcessMerger.quiet(usesZeroPages: usesZeroPages)
                let region = try MergeableRegion.allocate(byteCount: 32 * mebi, in: merger)
                try region.fill { _ in 1 }
                try region.fill { _ in 0 }
                let before = Process.anonymous
                let counters = try merger.mergeNow()
                #expect(before - Process.anonymous > 30 * mebi, "before - Process.anonymous > 30 * mebi")
                let census = try region.census()
                if usesZeroPages {
                    #expect(counters.zeroPages == region.pageCount, "\(census) \(counters)")
                    #expect(census.zeroed == region.pageCount, "census.zeroed == region.pageCount")
                    #expect(try merger.statistics().framesInUse == 0, "merger.statistics().framesInUse == 0")
                } else {
                    #expect(counters.zeroPages == 0, "counters.zeroPages == 0")
                    #expect(census.merged == region.pageCount, "\(census) \(counters)")
                }
                #expect(try region.wrongPages { _ in 0 }.isEmpty, "region.wrongPages { _ in 0 }.isEmpty")
                try region.fill { $0 % 2 }
                try merger.mergeNow()
                #expect(try region.wrongPages { $0 % 2 }.isEmpty, "region.wrongPages { $0 % 2 }.isEmpty")
                try region.release()
            }
        }
    }
}
