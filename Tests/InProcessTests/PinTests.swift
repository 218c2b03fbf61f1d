import Assembly
import CTortureWriters
import InProcess
import Merger
import Testing

extension RealMemory {
    struct PinTests {
        @Test("A rewritten page is left alone from the moment it is pinned", .enabled(if: ringsAreThere, "no io_uring"))
        func pinnedLately() async {
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet()
                let region = try MergeableRegion.allocate(byteCount: 64 * pageSize, in: merger)
                try region.fill { _ in 5 }
                #expect(try merger.mergeNow().pagesSharing > 0, "merger.mergeNow().pagesSharing > 0")
                var ring = unsafe tw_ring()
                #expect(unsafe tw_ring_open(&ring) == 0, "tw_ring_open(&ring) == 0")
                try region.poke(9, 1)
                let page = region.address + UInt(9 * pageSize)
                #expect(unsafe tw_ring_pin(&ring, page, pageSize) == 0, "tw_ring_pin(&ring, page, pageSize) == 0")
                try region.poke(9, Content.word(0, seed: 5))
                try merger.mergeNow()
                let value: UInt64 = 0xABCD
                unsafe write(value, to: page, through: &ring)
                #expect(try region.peek(9) == value, "a write through a pin was lost")
                unsafe tw_ring_close(&ring)
            }
        }

        @Test("Anonymous pages do not merge while they are pinned", .enabled(if: ringsAreThere, "no io_uring"))
        func pinnedAnonymous() async {
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet()
                var ring = unsafe tw_ring()
                let (region, page) = unsafe try fourPagesPinned(in: merger, by: &ring)
                try merger.mergeNow()
                #expect(try region.census().merged == 60, "region.census().merged == 60")
                let value: UInt64 = 0xABCD
                unsafe write(value, to: page, through: &ring)
                #expect(try region.peek(9) == value, "region.peek(9) == value")
                #expect(unsafe tw_ring_unpin(&ring) == 0, "tw_ring_unpin(&ring) == 0")
                try region.poke(9, Content.word(0, seed: 5))
                for _ in 0..<4 { try merger.scan(fullScans: 2) }
                #expect(try region.census().merged == 64, "region.census().merged == 64")
                unsafe tw_ring_close(&ring)
            }
        }

        @Test("Pages that stay pinned cost less and less", .enabled(if: ringsAreThere, "no io_uring"))
        func pinnedForLong() async {
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet()
                var ring = unsafe tw_ring()
                let (region, _) = unsafe try fourPagesPinned(in: merger, by: &ring)
                let before = try merger.mergeNow()
                let after = try merger.scan(fullScans: 256)
                #expect(try region.census().merged == 60, "region.census().merged == 60")
                // After 2, 4, 8 ... 256 scans, and as one that may have been written meanwhile.
                let tries = after.pagesPlanned - before.pagesPlanned
                #expect((4...4 * 8).contains(tries), "\(tries) tries")
                let checksums = after.pagesChecksummed - before.pagesChecksummed
                #expect(checksums <= 4 * 8, "\(checksums) checksums")
                // Written, it is a page like any other.
                #expect(unsafe tw_ring_unpin(&ring) == 0, "tw_ring_unpin(&ring) == 0")
                try region.poke(9, 1)
                try merger.scan(fullScans: 2)
                try region.poke(9, Content.word(0, seed: 5))
                try merger.scan(fullScans: 4)
                #expect(try region.census().merged >= 61, "region.census().merged >= 61")
                unsafe tw_ring_close(&ring)
            }
        }
    }
}

/// A region of 64 equal pages in which four are pinned, and the address of the first of those: page 9.
private func fourPagesPinned(
    in merger: InProcessMerger, by ring: inout tw_ring
) throws -> (region: MergeableRegion, page: UInt) {
    let region = try MergeableRegion.allocate(byteCount: 64 * pageSize, in: merger)
    try region.fill { _ in 5 }
    #expect(unsafe tw_ring_open(&ring) == 0, "tw_ring_open(&ring) == 0")
    let page = region.address + UInt(9 * pageSize)
    #expect(unsafe tw_ring_pin(&ring, page, 4 * pageSize) == 0, "tw_ring_pin(&ring, page, 4 * pageSize) == 0")
    return (region, page)
}

/// Has the kernel write to a pinned page.
private func write(_ value: UInt64, to page: UInt, through ring: inout tw_ring) {
    var pipe: [Int32] = [0, 0]
    #expect(unsafe tw_pipe(&pipe) == 0, "tw_pipe(&pipe) == 0")
    #expect(
        unsafe withUnsafeBytes(of: value) { unsafe tw_write(pipe[1], $0.baseAddress!, 8) } == 8,
        "withUnsafeBytes(of: value) { tw_write(pipe[1], $0.baseAddress!, 8) } == 8")
    #expect(unsafe tw_ring_read(&ring, pipe[0], page, 8) == 8, "tw_ring_read(&ring, pipe[0], page, 8) == 8")
}

let ringsAreThere: Bool = {
    var ring = unsafe tw_ring()
    guard unsafe tw_ring_open(&ring) == 0 else { return false }
    unsafe tw_ring_close(&ring)
    return true
}()
