import Assembly
import InProcess
import Merger
import Testing

extension RealMemory {
    struct FrameReuseTests {
        /// Frames of a segment of the store.
        private static let segment = 16384

        @Test("A rewritten page never falls back on a frame of a segment that is gone")
        func reusedNumbers() throws {
            // A page that lies over a frame of a segment that was dropped meets a new segment of the same number.
            let merger = try InProcessMerger.quiet(rowLength: 1)
            let pages = Self.segment
            let spare = pages / 16
            let region = try MergeableRegion.allocate(byteCount: (2 * pages + 2 * spare) * pageSize, in: merger)
            var round = 0
            func seed(_ page: Int) -> Int {
                // In the second round every 16th page has no twin, and stays over its first frame; the spare pages take
                // the frames that are left of the segment.
                if page >= 2 * pages { return 2_000_000 + (round == 1 ? page % spare : page) }
                if round == 1, page % 16 == 0 { return 1_000_000 + page }
                return 1 + round * pages + page % pages
            }
            for next in 0..<4 {
                round = next
                // What is written again where it lies does not merge again: only pages that stay over their frames are.
                for page in stride(from: 0, to: 2 * pages, by: 16) where round > 0 {
                    try region.discard((page + 1) * pageSize..<(page + 16) * pageSize)
                }
                try region.fill(seed: seed)
                let counters = try merger.mergeNow()
                #expect(counters.pagesSharing >= pages / 2)
                let wrong = try region.wrongPages(seed: seed)
                #expect(wrong.isEmpty, "round \(round): \(wrong.count) wrong pages, \(wrong.prefix(5))")
            }
            try region.release()
        }
    }
}
