import Assembly
import InProcess
import Merger
import Synchronization
import Testing

extension RealMemory {
    struct RegionTests {
        @Test("Equal pages merge, read the same, and are private again after unmerge", arguments: [UInt32(1), 64])
        func mergeAndUnmerge(rowLength: UInt32) throws {
            let merger = try InProcessMerger.quiet(rowLength: rowLength)
            #expect(merger.limitation == nil)
            let region = try MergeableRegion.allocate(byteCount: 4 * mebi, in: merger)
            let half = region.pageCount / 2
            let seed = { (page: Int) in 1 + page % half }
            try region.fill(seed: seed)
            let counters = try merger.mergeNow()
            #expect(counters.pagesShared == half)
            #expect(counters.pagesSharing == half)
            #expect(try region.census().merged == 2 * half)
            #expect(try region.wrongPages(seed: seed).isEmpty)
            try region.unmerge()
            #expect(!region.isMergeable)
            #expect(try region.wrongPages(seed: seed).isEmpty)
            #expect(try merger.counters().pagesShared == 0)
            try region.makeMergeable()
            try region.makeMergeable()
            #expect(region.isMergeable)
            #expect(try merger.mergeNow().pagesSharing == half)
            #expect(try region.wrongPages(seed: seed).isEmpty)
            try region.release()
            #expect(try merger.counters().pagesShared == 0)
        }

        @Test("Writes to merged pages stay in their page")
        func writes() throws {
            let merger = try InProcessMerger.quiet()
            let region = try MergeableRegion.allocate(byteCount: 64 * pageSize, in: merger)
            try region.fill { _ in 7 }
            #expect(try merger.mergeNow().pagesSharing > 0)
            for page in stride(from: 0, to: 64, by: 3) { try region.poke(page, UInt64(page), word: 9) }
            for page in 0..<64 {
                #expect(try region.peek(page, word: 9) == (page % 3 == 0 ? UInt64(page) : Content.word(9, seed: 7)))
                #expect(try region.peek(page, word: 10) == Content.word(10, seed: 7))
            }
        }

        @Test("Adopted memory merges in place, with its neighbours left alone, and stays after release")
        func adopt() throws {
            let merger = try InProcessMerger.quiet()
            let mapping = Mapping(pages: 64)
            let seed = { (page: Int) in 1 + page % 4 }
            mapping.fill(seed: seed)
            let region = try unsafe MergeableRegion.adopt(mapping.part(8 * pageSize, 48 * pageSize), in: merger)
            #expect(region.address == mapping.address + UInt(8 * pageSize))
            #expect(try merger.mergeNow().pagesSharing >= 40)
            #expect(try region.census().merged == 48)
            #expect(mapping.wrongPages(seed: seed).isEmpty)
            try region.release()
            #expect(mapping.wrongPages(seed: seed).isEmpty)
            let again = try unsafe MergeableRegion.adopt(mapping.buffer, in: merger)
            #expect(try merger.mergeNow().pagesSharing >= 48)
            try again.release()
        }

        @Test("Adopted memory is plain anonymous memory after release; what was rewritten is discarded first")
        func adoptedRewritten() throws {
            let merger = try InProcessMerger.quiet()
            let mapping = Mapping(pages: 32)
            mapping.fill { _ in 5 }
            let region = try unsafe MergeableRegion.adopt(mapping.buffer, in: merger)
            #expect(try merger.mergeNow().pagesSharing > 0)
            for page in 8..<16 { try region.poke(page, 42) }
            #expect(refusal { try region.release() }?.code == .pinned)
            #expect(unsafe mapping.pointer(8).load(as: UInt64.self) == 42)
            try region.discard(8 * pageSize..<16 * pageSize)
            try region.release()
            discardAsPrograms(mapping)
            let wrong = mapping.wrongPages { _ in 0 }
            #expect(wrong.isEmpty, "MADV_DONTNEED of the program's own memory shows more than zeros: \(wrong)")
            let again = refusal { _ = try unsafe MergeableRegion.adopt(mapping.buffer, in: merger) }
            #expect(again == nil, "released memory cannot be adopted again: \(again?.message ?? "")")
        }

        @Test("Discarded parts read as zeros, merged or not, and are filled again")
        func discard() throws {
            let merger = try InProcessMerger.quiet()
            let region = try MergeableRegion.allocate(byteCount: 64 * pageSize, in: merger)
            try region.fill { 1 + $0 % 8 }
            _ = try merger.mergeNow()
            try region.poke(20, 3)
            try region.discard(16 * pageSize..<32 * pageSize)
            try region.discard(5 * pageSize..<5 * pageSize)
            #expect(try region.wrongPages(16..<32) { _ in 0 }.isEmpty)
            #expect(try region.wrongPages(0..<16) { 1 + $0 % 8 }.isEmpty)
            try region.fill(16..<32) { _ in 3 }
            _ = try merger.mergeNow()
            #expect(try region.wrongPages { (16..<32).contains($0) ? 3 : 1 + $0 % 8 }.isEmpty)
            #expect(try region.census().merged == 64)
            try region.unmerge()
            try region.discard(0..<8 * pageSize)
            #expect(try region.wrongPages(0..<8) { _ in 0 }.isEmpty)
        }

        @Test("A page discarded and written before the next scan merges like its neighbours")
        func discardedAndWritten() throws {
            let merger = try InProcessMerger.quiet()
            let region = try MergeableRegion.allocate(byteCount: 64 * pageSize, in: merger)
            // Equal pages far from each other, so that no window of a merge touches the one in the middle.
            let seed = { (page: Int) in page % 20 == 0 ? 9 : 1000 + page }
            try region.fill(seed: seed)
            try region.discard(20 * pageSize..<21 * pageSize)
            try region.discard(18 * pageSize..<22 * pageSize)
            try region.fill(seed: seed)
            let counters = try merger.mergeNow()
            let census = try region.census()
            #expect(census.merged == 4, "\(census) \(counters)")
            #expect(try region.wrongPages(seed: seed).isEmpty)
        }

        @Test("Pages discarded and written while everything is unmerged keep what was written")
        func discardedWhileUnmerging() throws {
            let merger = try InProcessMerger.quiet()
            let region = try MergeableRegion.allocate(byteCount: 512 * pageSize, in: merger)
            for round in 1...50 {
                try region.fill { _ in 7 }
                try merger.mergeNow()
                let census = try region.census()
                #expect(census.merged == 512, "round \(round): \(census)")
                // The merger does not look any more, and takes the pages for merged ones.
                try merger.set("run", to: "0")
                try region.discard(0..<512 * pageSize)
                let isUnmerged = Atomic<Bool>(false)
                var written: [Int] = []
                try withThread {
                    defer { isUnmerged.store(true, ordering: .releasing) }
                    return refusal { try region.unmerge() }
                } while: {
                    // One page after the other, as long as it takes.
                    while !isUnmerged.load(ordering: .acquiring), written.count < 512 {
                        try region.poke(written.count, UInt64(round))
                        written.append(written.count)
                        for _ in 0..<round * 30 { _ = isUnmerged.load(ordering: .relaxed) }
                    }
                }
                let lost = try written.filter { try region.peek($0) != UInt64(round) }
                #expect(lost.isEmpty, "round \(round): \(lost.count) of \(written.count) pages lost a write")
                try merger.set("run", to: "1")
                try region.makeMergeable()
            }
        }

        @Test("Growing and shrinking keep what stays and bring zeros")
        func resize() throws {
            let merger = try InProcessMerger.quiet()
            let region = try MergeableRegion.allocate(byteCount: 64 * pageSize, in: merger)
            // Something behind the region, so that it has to move now and then.
            var blocks: [Mapping] = []
            let seed = { (page: Int) in 1 + page % 4 }
            try region.fill(seed: seed)
            var filled = 64
            for pages in [200, 40, 41, 300, 3, 500] {
                _ = try merger.mergeNow()
                try region.poke(1, Content.word(0, seed: seed(1)))
                blocks.append(Mapping(pages: 1))
                try region.resize(toByteCount: pages * pageSize - 5)
                #expect(region.pageCount == pages)
                filled = min(filled, pages)
                #expect(try region.wrongPages { $0 < filled ? seed($0) : 0 }.isEmpty)
                _ = try merger.mergeNow()
                #expect(try region.wrongPages { $0 < filled ? seed($0) : 0 }.isEmpty)
                try region.fill(seed: seed)
                filled = pages
            }
            try region.unmerge()
            try region.resize(toByteCount: 600 * pageSize)
            #expect(!region.isMergeable)
            #expect(try region.wrongPages { $0 < filled ? seed($0) : 0 }.isEmpty)
            try region.release()
        }

        @Test("The last reference going away releases the region")
        func lastReference() throws {
            let merger = try InProcessMerger.quiet()
            do {
                let region = try MergeableRegion.allocate(byteCount: mebi, in: merger)
                try region.fill { _ in 4 }
                #expect(try merger.mergeNow().pagesShared > 0)
            }
            #expect(try merger.counters().pagesShared == 0)
        }

        @Test("Regions of one merger share frames; those of two mergers do not")
        func severalRegions() throws {
            let mergers = [try InProcessMerger.quiet(rowLength: 1), try InProcessMerger.quiet(rowLength: 1)]
            let regions = try mergers.flatMap { merger in
                try (0..<2).map { _ in try MergeableRegion.allocate(byteCount: 16 * pageSize, in: merger) }
            }
            for region in regions { try region.fill { 100 + $0 } }
            for merger in mergers { #expect(try merger.mergeNow().pagesShared == 16) }
            for region in regions { #expect(try region.wrongPages { 100 + $0 }.isEmpty) }
        }
    }
}
