import Assembly
import CLinuxMemory
import Glibc
import InProcess
import Merger
import PageMemory
import Testing

extension RealMemory {
    struct BudgetTests {
        @Test("128 MiB of one content merge within a small budget of map entries")
        func oneContent() async {
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet(budget: 2)
                let region = try MergeableRegion.allocate(byteCount: 128 * mebi, in: merger)
                try region.fill { _ in 5 }
                let counters = try merger.mergeNow()
                #expect(
                    counters.pagesSharing >= region.pageCount * 95 / 100,
                    "counters.pagesSharing >= region.pageCount * 95 / 100")
                #expect(
                    Process.mapEntries < Process.mapLimit * 2 / 100,
                    "Process.mapEntries < Process.mapLimit * 2 / 100")
                #expect(try region.wrongPages { _ in 5 }.isEmpty, "region.wrongPages { _ in 5 }.isEmpty")
                try region.release()
            }
        }

        @Test("Alternate pages stop at the budget; what is refused stays right")
        func alternatePages() async {
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet(rowLength: 1, budget: 4)
                let region = try MergeableRegion.allocate(byteCount: 64 * mebi, in: merger)
                let seed = { (page: Int) in page % 2 == 0 ? 1 + page % 512 : 100_000 + page }
                try region.fill(seed: seed)
                let counters = try merger.mergeNow()
                #expect(counters.notMerged[.mapLimit] ?? 0 > 0, "counters.notMerged[.mapLimit] ?? 0 > 0")
                #expect(counters.pagesSharing > 100, "counters.pagesSharing > 100")
                let limit = Process.mapLimit * 4 / 100
                #expect(Process.mapEntries <= limit, "Process.mapEntries <= limit")
                #expect(try merger.statistics().mapEntryLimit == limit, "merger.statistics().mapEntryLimit == limit")
                // Nothing longer comes: single pages get what is left, but for what is kept.
                for _ in 0..<100 where Process.mapEntries < limit * 14 / 16 {
                    try await Task.sleep(for: .milliseconds(300))
                    try merger.scan(fullScans: 2)
                }
                #expect(Process.mapEntries >= limit * 14 / 16, "Process.mapEntries >= limit * 14 / 16")
                #expect(Process.mapEntries <= limit * 15 / 16 + 16, "Process.mapEntries <= limit * 15 / 16 + 16")
                #expect(try region.wrongPages(seed: seed).isEmpty, "region.wrongPages(seed: seed).isEmpty")
                // With more entries allowed, more merges.
                try merger.set("vma_budget_percent", to: "20")
                for _ in 0..<10 { try merger.scan(fullScans: 2) }
                let later = try merger.counters()
                #expect(
                    later.pagesSharing > 2 * counters.pagesSharing,
                    "later.pagesSharing > 2 * counters.pagesSharing")
                #expect(Process.mapEntries <= Process.mapLimit / 5, "Process.mapEntries <= Process.mapLimit / 5")
                #expect(try region.wrongPages(seed: seed).isEmpty, "region.wrongPages(seed: seed).isEmpty")
                try region.release()
            }
        }

        @Test("No map entries left in the middle: nothing is lost, and later all works again", arguments: [2, 40])
        func exhausted(spare: Int) async {
            await #expect(processExitsWith: .success) { [spare] in
                let merger = try InProcessMerger.quiet(rowLength: 1, budget: 90)
                let region = try MergeableRegion.allocate(byteCount: 16 * mebi, in: merger)
                let adopted = Mapping(pages: 256)
                let second = try unsafe MergeableRegion.adopt(adopted.buffer, in: merger)
                let seed = { (page: Int) in page % 2 == 0 ? 1 + page % 256 : 100_000 + page }
                try region.fill(0..<512, seed: seed)
                try merger.mergeNow()
                try region.fill(seed: seed)
                adopted.fill(seed: seed)
                let wall = MapWall(leaving: spare)
                #expect(
                    Process.mapLimit - Process.mapEntries <= spare + 2,
                    "Process.mapLimit - Process.mapEntries <= spare + 2")
                // The memory believes what it counted last: the kernel has to refuse.
                try merger.scan(fullScans: 3)
                #expect(try region.wrongPages(seed: seed).isEmpty, "region.wrongPages(seed: seed).isEmpty")
                #expect(adopted.wrongPages(seed: seed).isEmpty, "adopted.wrongPages(seed: seed).isEmpty")
                _ = refusal { try merger.set("run", to: "2") }
                #expect(try region.wrongPages(seed: seed).isEmpty, "region.wrongPages(seed: seed).isEmpty")
                try merger.set("run", to: "1")
                _ = refusal { try second.unmerge() }
                try region.discard(0..<8 * pageSize)
                #expect(
                    try region.wrongPages { $0 < 8 ? 0 : seed($0) }.isEmpty,
                    "region.wrongPages { $0 < 8 ? 0 : seed($0) }.isEmpty")
                try region.fill(seed: seed)
                #expect(try merger.statistics().pagesLost == 0, "merger.statistics().pagesLost == 0")
                wall.open()
                // What was written where it lay over frames merges no more.
                try region.discard(0..<Int(region.pageCount) * pageSize)
                try region.fill(seed: seed)
                // Entries are counted anew once a second.
                usleep(1_100_000)
                try second.makeMergeable()
                for _ in 0..<10 { try merger.scan(fullScans: 2) }
                #expect(
                    try region.census().merged >= region.pageCount / 2 - 16,
                    "region.census().merged >= region.pageCount / 2 - 16")
                #expect(try region.wrongPages(seed: seed).isEmpty, "region.wrongPages(seed: seed).isEmpty")
                #expect(adopted.wrongPages(seed: seed).isEmpty, "adopted.wrongPages(seed: seed).isEmpty")
                try merger.set("run", to: "2")
                #expect(try merger.counters().pagesShared == 0, "merger.counters().pagesShared == 0")
                try second.release()
                #expect(adopted.wrongPages(seed: seed).isEmpty, "adopted.wrongPages(seed: seed).isEmpty")
                try region.release()
            }
        }
    }
}

/// Takes nearly all map entries of the process, until it is opened.
final class MapWall {
    private let mapping: Mapping

    init(leaving spare: Int) {
        let pages = Process.mapLimit + 16
        mapping = Mapping(pages: pages)
        var page = 1
        while page < pages {
            // Each protected page in between costs two entries.
            let free = Process.mapLimit - Process.mapEntries - spare
            guard free > 1 else { return }
            for _ in 0..<max(1, free / 2) where page < pages {
                let address = mapping.address + UInt(page * pageSize)
                if lm_mprotect(address, pageSize, Int32(LM_PROT_NONE)) != 0 { return }
                page += 2
            }
        }
    }

    func open() { lm_munmap(mapping.address, mapping.byteCount) }
}
