import Assembly
import InProcess
import Merger
import Testing

extension RealMemory {
    struct DiscardTests {
        @Test("Pages discarded and filled again between their observation and their merge stay counted as merged")
        func discardedBeforeMerge() throws {
            let merger = try InProcessMerger.quiet()
            let region = try MergeableRegion.allocate(byteCount: 256 * pageSize, in: merger)
            // The scan that registering began sees nothing of the content.
            try merger.scan()
            // Pages of zeros, and two pages of each other content.
            let seed = { (page: Int) in page % 16 == 15 ? 0 : 1 + page % 128 }
            try region.fill(seed: seed)
            try merger.scan()
            // The next scan observes the whole region, looks at its first pages, and sleeps.
            let scanned = try merger.counters().pagesScanned
            try merger.set("pages_to_scan", to: "16")
            while try merger.counters().pagesScanned < scanned + 16 {}
            try region.discard(64 * pageSize..<192 * pageSize)
            try region.fill(64..<192, seed: seed)
            try merger.set("pages_to_scan", to: "4294967295")
            let counters = try merger.mergeNow()
            let census = try region.census()
            #expect(census.zeroed == 16 && census.merged == 240, "\(census) \(counters)")
            #expect(counters.pagesShared == 120 && counters.pagesSharing == 120, "\(counters)")
            #expect(try region.wrongPages(seed: seed).isEmpty)
        }

        @Test("Pages of zeros that were given back do not count as such once the program has discarded them")
        func discardedZeros() throws {
            let merger = try InProcessMerger.quiet()
            let region = try MergeableRegion.allocate(byteCount: 64 * pageSize, in: merger)
            try region.fill { $0 < 48 ? 0 : $0 }
            #expect(try merger.mergeNow().zeroPages == 48)
            try region.discard(8 * pageSize..<16 * pageSize)
            try region.discard(40 * pageSize..<56 * pageSize)
            // Written since: neither given back nor discarded.
            try region.poke(44, 7)
            let counters = try merger.scan()
            #expect(counters.zeroPages == 32, "\(counters)")
            let census = try region.census()
            #expect(census.items == 9, "\(census)")
        }
    }
}
