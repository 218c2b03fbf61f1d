import CLinuxMemory
import Glibc
import Remap
import Testing

/// Uses up the process's map entries.
private struct Hoard {
    let memory = UInt(
        bitPattern: lm_mmap(
            0, 140_000 * Pages.size, Int32(LM_PROT_NONE),
            Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_NORESERVE), -1, 0))
    private(set) var last = 0

    /// Splits mappings until there are no more.
    mutating func fill() {
        while lm_mprotect(address(last + 2), Pages.size, Int32(LM_PROT_READ)) == 0 { last += 2 }
    }

    /// Gives some back.
    mutating func release(_ count: Int) {
        for _ in 0..<count {
            lm_mprotect(address(last), Pages.size, Int32(LM_PROT_NONE))
            last -= 2
        }
    }

    private func address(_ page: Int) -> UInt { memory + UInt(page * Pages.size) }
}

@Suite(.serialized, .enabled(if: Bed.missing == nil, "\(Bed.missing ?? "")"))
struct LimitTests {
    @Test("Without map entries everything stays as it was")
    func mapLimit() async {
        await #expect(processExitsWith: .success) {
            let bed = try Bed(pages: 512)
            let other = try Bed(pages: 64)
            _ = other.merge((0..<64).map { other.page($0) })
            let half = stride(from: 1, to: 512, by: 2).map { bed.page($0) }
            var hoard = Hoard()
            hoard.fill()

            let none = bed.merge(half)
            #expect(none.outcomes.allSatisfy { $0 == .mapLimit })
            #expect(none.report.error == Int32(LM_ENOMEM))
            #expect(none.report.movedBack == 256)
            #expect(!none.report.trackingLost)
            #expect(other.unmerge(8..<16).outcomes.allSatisfy { $0 == .mapLimit })
            #expect(bed.isIntact && other.isIntact)
            #expect(bed.region.privatePages() == 512)

            hoard.release(10)
            let some = bed.merge(half)
            let merged = some.outcomes.count { $0 == .merged }
            #expect(merged > 0 && merged < 40)
            #expect(some.outcomes.count { $0 == .mapLimit } == 256 - merged)
            #expect(bed.isIntact)
            #expect(bed.region.privatePages() == 512 - merged)

            // Tracking goes on, and so does merging once there is room.
            hoard.release(600)
            #expect(bed.scan { !$0.isFile }.count == 512 - merged)
            bed.region[4, 4] = 4
            #expect(bed.scan() == [4])
            bed.region.fill(4, seed: 5)
            let rest = half.filter { !bed.isMerged[Int($0.index)] }
            #expect(bed.merge(rest).outcomes.allSatisfy { $0 == .merged })
            #expect(bed.isIntact)
        }
    }

    // Unoptimized Swift looks up generic types in tables that lie on the heap.
    #if DEBUG
        private static let isOptimized = false
    #else
        private static let isOptimized = true
    #endif

    @Test("A merge touches no heap", .enabled(if: isOptimized, "unoptimized code looks into tables on the heap"))
    func heap() async {
        await #expect(processExitsWith: .success) { try mergeWithoutHeap() }
    }
}

/// Takes the heap away while a window merges: an access would end the process.
private func mergeWithoutHeap() throws {
    let bed = try Bed(pages: 512)
    for page in 400..<512 { bed.region.fill(page, seed: 0) }
    let list = unsafe bed.plan.base.assumingMemoryBound(to: RemapPage.self)
    for page in 0..<512 { unsafe list[page] = bed.page(page, kind: page < 400 ? .frame : .zeros) }
    let window = unsafe bed.region.base
    var remapper = try Remapper()
    try unsafe bed.remapper.tracker.untrack(window, pageCount: 512)
    try unsafe remapper.tracker.track(window, pageCount: 512)

    // The main heap, and the one that this thread allocates from.
    let probe = unsafe malloc(64)!
    let heaps = ProcessMapping.all().filter { mapping in
        let inside = mapping.start..<mapping.end ~= UInt(bitPattern: probe)
        return mapping.name == "[heap]" || inside
    }
    try #require(!heaps.isEmpty)
    let report = unsafe mergeWithout(
        heaps[0].start..<heaps[0].end, heaps[heaps.count - 1].start..<heaps[heaps.count - 1].end, &remapper, window,
        list)
    unsafe free(probe)
    #expect(report.merged == 512)
    #expect(bed.region.filePages() == 400)
    for page in 0..<512 { #expect(bed.region.holds(page, seed: page < 400 ? page + 1 : 0)) }
}

/// Merges while two ranges of memory cannot be touched. Everything it uses lies on the stack, in maps of their own or
/// in the code.
@inline(never)
private func mergeWithout(
    _ first: Range<UInt>, _ second: Range<UInt>, _ remapper: inout Remapper, _ window: UnsafeMutableRawPointer,
    _ list: UnsafeMutablePointer<RemapPage>
) -> RemapReport {
    lm_mprotect(first.lowerBound, first.count, Int32(LM_PROT_NONE))
    lm_mprotect(second.lowerBound, second.count, Int32(LM_PROT_NONE))
    let report = unsafe remapper.merge(window: window, pageCount: 512, pages: list, count: 512)
    lm_mprotect(first.lowerBound, first.count, Int32(LM_PROT_READ | LM_PROT_WRITE))
    lm_mprotect(second.lowerBound, second.count, Int32(LM_PROT_READ | LM_PROT_WRITE))
    return report
}
