import Assembly
import CLinuxMemory
import InProcess
import Merger
import Testing

extension RealMemory {
    struct TrapTests {
        @Test("Where writes are trapped, rewritten pages merge again without being discarded")
        func mergesAgain() async {
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet(rewrittenPages: .trap)
                let region = try MergeableRegion.allocate(byteCount: 256 * pageSize, in: merger)
                let seed = { (page: Int) in 1 + page % 8 }
                try region.fill(seed: seed)
                try merger.mergeNow()
                for round in 0..<8 {
                    let merged = try region.census().merged
                    #expect(merged >= 250, "round \(round): \(merged) pages are merged")
                    for page in stride(from: round, to: 256, by: 7) {
                        try region.poke(page, UInt64(round))
                        #expect(try region.peek(page) == UInt64(round), "round \(round): page \(page)")
                        try region.poke(page, Content.word(0, seed: seed(page)))
                    }
                    #expect(try region.wrongPages(seed: seed).isEmpty, "round \(round)")
                    try merger.scan(fullScans: 4)
                }
                #expect(try merger.statistics().rewrittenPages <= 6, "merger.statistics().rewrittenPages <= 6")
                #expect(try merger.statistics().writesWaited > 0, "no write was trapped")
                try region.discard(0..<64 * pageSize)
                #expect(try region.peek(9) == 0, "region.peek(9) == 0")
                try region.unmerge()
                #expect(try merger.statistics().framesInUse == 0, "merger.statistics().framesInUse == 0")
                try region.poke(200, 1)
                try region.makeMergeable()
                try region.release()
            }
        }

        @Test("Trapped writes make no more map entries than merging may, however long the merging thread sleeps")
        func mapEntries() async {
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet(budget: 1, rewrittenPages: .trap)
                let region = try MergeableRegion.allocate(byteCount: 16384 * pageSize, in: merger)
                try region.fill { _ in 5 }
                try merger.mergeNow()
                #expect(try region.census().merged > 8192, "too few pages are merged")
                let limit = max(try merger.statistics().mapEntryLimit, Process.mapEntries)
                try merger.scan()
                // A page of every second block: each would make two entries.
                for page in stride(from: 0, to: 16384, by: 32) { try region.poke(page, 77) }
                #expect(Process.mapEntries <= limit + 64, "\(Process.mapEntries) map entries, limit \(limit)")
                try merger.scan()
                #expect(try merger.statistics().rewrittenPages > 0, "no page is left where it is")
                for page in stride(from: 0, to: 16384, by: 32) {
                    #expect(try region.peek(page) == 77, "a write was lost")
                    try region.poke(page, Content.word(0, seed: 5))
                }
                #expect(try region.wrongPages { _ in 5 }.isEmpty, "region.wrongPages { _ in 5 }.isEmpty")
            }
        }

        @Test("Writes to what is trapped succeed at the data limit, below it and beyond it")
        func dataLimit() async {
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet(rewrittenPages: .trap)
                let region = try MergeableRegion.allocate(byteCount: 256 * pageSize, in: merger)
                try region.fill { 1 + $0 % 8 }
                try merger.mergeNow()
                let used = Process.dataBytes
                for (part, limit) in [used, used + 40 * pageSize, used / 2].enumerated() {
                    Process.setDataLimit(limit)
                    for page in part * 64..<part * 64 + 64 { try region.poke(page, 7) }
                    Process.setDataLimit(nil)
                }
                for page in 0..<192 {
                    #expect(try region.peek(page) == 7, "a write was lost")
                    try region.poke(page, Content.word(0, seed: 1 + page % 8))
                }
                #expect(try region.wrongPages { 1 + $0 % 8 }.isEmpty, "bytes were lost")
                try merger.scan(fullScans: 2)
                #expect(try merger.statistics().writesWaited > 0, "no write was trapped")
                #expect(try merger.statistics().rewrittenPages > 0, "no page was copied where it is")
            }
        }

        @Test("Memory that the program uses with a userfaultfd of its own is refused")
        func otherUserfault() async {
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet(rewrittenPages: .trap)
                let region = try MergeableRegion.allocate(byteCount: 64 * pageSize, in: merger)
                try region.fill { 1 + $0 % 8 }
                try merger.mergeNow()
                try region.unmerge()
                let other = lm_uffd_open().descriptor
                let wanted = LM_UFFD_FEATURE_PAGEFAULT_FLAG_WP
                #expect(lm_uffd_api(other, wanted).error == 0, "the kernel has no userfaultfd")
                let tail = region.address + UInt(32 * pageSize)
                #expect(lm_uffd_register(other, tail, 32 * pageSize, LM_UFFD_MODE_WP) == 0, "it cannot be registered")
                let error = refusal { try region.makeMergeable() }
                #expect(error?.code == .unmergeable, "\(error?.message ?? "no error")")
                lm_close(other)
                try region.makeMergeable()
                try merger.mergeNow()
                #expect(try region.census().merged >= 56, "it does not merge again")
                #expect(try region.wrongPages { 1 + $0 % 8 }.isEmpty, "bytes were lost")
            }
        }

        @Test("Many threads write to what is trapped, and after the end")
        func writers() async {
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet(rewrittenPages: .trap, sleep: "1")
                let region = try MergeableRegion.allocate(byteCount: 256 * pageSize, in: merger)
                let seed = { (page: Int) in 1 + page % 8 }
                try region.fill(seed: seed)
                for _ in 0..<20 {
                    try merger.mergeNow()
                    await withTaskGroup(of: Void.self) { group in
                        for task in 0..<4 {
                            group.addTask {
                                for page in stride(from: task, to: 256, by: 4) {
                                    try? region.poke(page, UInt64(task), word: 3)
                                }
                            }
                        }
                    }
                    for page in 0..<256 {
                        #expect(try region.peek(page, word: 3) == UInt64(page % 4), "a write was lost")
                        try region.poke(page, Content.word(3, seed: seed(page)), word: 3)
                    }
                    #expect(try region.wrongPages(seed: seed).isEmpty, "region.wrongPages(seed: seed).isEmpty")
                }
                merger.stop()
                try region.fill { 9 + $0 }
                #expect(try region.wrongPages { 9 + $0 }.isEmpty, "after the merger has stopped")
            }
        }
    }
}
