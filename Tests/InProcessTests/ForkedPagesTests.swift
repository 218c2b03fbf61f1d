import CTortureWriters
import Glibc
import InProcess
import Merger
import Testing

extension RealMemory {
    struct ForkedPagesTests {
        @Test("Pages that were shared with a forked child merge again when it has ended")
        func afterTheChild() async {
            // In a process of its own: a fork makes the memory of all other tests busy too.
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet()
                let pages = 256
                let region = try MergeableRegion.allocate(byteCount: 2 * pages * pageSize, in: merger)
                func seed(_ page: Int) -> Int { 5 + page % pages }
                try region.fill(seed: seed)
                let child = tw_fork()
                if child == 0 { while true { pause() } }
                try #require(child > 0)
                let during = try merger.scan(fullScans: 6)
                #expect(during.pagesSharing == 0, "a child shares the pages")
                #expect(try region.wrongPages(seed: seed).isEmpty)
                kill(child, SIGKILL)
                _ = tw_wait(child)
                // Found busy, taken back, seen as changed, merged.
                let after = try merger.scan(fullScans: 8)
                #expect(after.pagesSharing == pages)
                #expect(try region.wrongPages(seed: seed).isEmpty)
                try region.release()
            }
        }
    }
}
