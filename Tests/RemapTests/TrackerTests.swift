import CLinuxMemory
import Remap
import Testing

@Suite(.enabled(if: Bed.missing == nil, "\(Bed.missing ?? "")"))
struct TrackerTests {
    @Test("Reports what was written since it last looked")
    func writes() throws {
        let bed = try Bed(pages: 1024)
        #expect(bed.scan().count == 1024)
        #expect(bed.scan().isEmpty)
        for page in [0, 5, 6, 1023] { bed.region[page, 1] = 9 }
        #expect(bed.scan { $0.isPresent } == [0, 5, 6, 1023])
        #expect(bed.scan().isEmpty)
        _ = bed.region[44, 1]
        #expect(bed.scan().isEmpty)
    }

    @Test("Reports a discarded page when it is written again")
    func discards() throws {
        let bed = try Bed(pages: 16)
        _ = bed.scan()
        lm_madvise(bed.region.address + UInt(4 * Pages.size), Pages.size, Int32(LM_MADV_DONTNEED))
        #expect(bed.scan().isEmpty)
        bed.region[4, 0] = 1
        #expect(bed.scan() == [4])
    }

    @Test("More runs than room")
    func manyRuns() throws {
        let bed = try Bed(pages: 4096)
        _ = bed.scan()
        for page in stride(from: 0, to: 4096, by: 2) { bed.region[page, 1] = 9 }
        #expect(bed.scan() == Array(stride(from: 0, to: 4096, by: 2)))
        #expect(bed.scan().isEmpty)
    }

    @Test("What is listed and not armed comes once, in ascending order")
    func listed() throws {
        let bed = try Bed(pages: 4096)
        _ = bed.scan()
        for page in stride(from: 0, to: 4096, by: 3) { bed.region[page, 1] = 9 }
        let buffer = Pages(anonymous: 16)
        let runs = unsafe buffer.base.assumingMemoryBound(to: TrackedRun.self)
        for _ in 0..<2 {
            let answer = unsafe bed.remapper.tracker.list(bed.region.base, pageCount: 4096, into: runs, capacity: 2048)
            let pages = (0..<answer.runs).map { Int(unsafe UInt(runs[$0].start) - bed.region.address) / Pages.size }
            #expect(pages == Array(stride(from: 0, to: 4096, by: 3)))
            #expect(answer.pagesDone == 4096)
        }
    }

    @Test("A merged page that was written is present and of no file")
    func rewritten() throws {
        let bed = try Bed(pages: 64)
        _ = bed.merge((0..<64).map { bed.page($0) })
        #expect(bed.scan { $0.isFile } == Array(0..<64))
        #expect(bed.scan().isEmpty)
        bed.region[11, 0] = 7
        #expect(bed.scan { $0.isPresent && !$0.isFile } == [11])
        #expect(bed.scan().isEmpty)
    }
}
