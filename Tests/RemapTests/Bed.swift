import CLinuxMemory
import Remap

/// A segment with frames, a tracked region, and a remapper: what the tests lie on.
///
/// Frame i has the content of seed i + 1; the region begins with the same contents.
final class Bed {
    var remapper: Remapper
    let segment: Int32
    let frames: Pages
    let region: Pages
    let plan: Pages
    /// Pages of the region that lie in merged runs.
    var isMerged: [Bool]

    init(pages: Int, advice: [Int] = []) throws {
        segment = unsafe "samepage-test".withCString {
            unsafe lm_memfd_create($0, UInt32(LM_MFD_CLOEXEC | LM_MFD_ALLOW_SEALING))
        }
        lm_ftruncate(segment, Int64(pages * Pages.size))
        lm_add_seals(segment, Int32(LM_SEAL_SHRINK | LM_SEAL_GROW))
        frames = Pages(segment: segment, count: pages)
        region = Pages(anonymous: pages)
        for one in advice { lm_madvise(region.address, region.bytes, Int32(one)) }
        plan = Pages(anonymous: 8)
        isMerged = Array(repeating: false, count: pages)
        for page in 0..<pages {
            frames.fill(page, seed: page + 1)
            region.fill(page, seed: page + 1)
        }
        remapper = try Remapper()
        try unsafe remapper.tracker.track(region.base, pageCount: pages)
    }

    deinit { lm_close(segment) }

    /// Describes a page of the region that is to map the frame of the same number, or another.
    func page(
        _ number: Int, window: Int = 0, frame: Int? = nil, kind: RemapKind = .frame, advice: RemapAdvice = .none
    ) -> RemapPage {
        let frame = frame ?? number
        return unsafe RemapPage(
            index: UInt32(number - window * 512), kind: kind, frame: UnsafeRawPointer(frames.pointer(frame)),
            segment: segment, fileOffset: UInt64(frame * Pages.size), advice: advice)
    }

    /// Merges pages within one window of 512 pages.
    func merge(_ pages: [RemapPage], window: Int = 0) -> (report: RemapReport, outcomes: [RemapOutcome]) {
        let list = unsafe plan.base.assumingMemoryBound(to: RemapPage.self)
        for (position, page) in pages.enumerated() { unsafe list[position] = page }
        let size = min(512, region.count - window * 512)
        let report = unsafe remapper.merge(
            window: region.pointer(window * 512), pageCount: size, pages: list, count: pages.count)
        let outcomes = pages.indices.map { unsafe list[$0].outcome }
        for (page, outcome) in zip(pages, outcomes) where outcome == .merged {
            isMerged[window * 512 + Int(page.index)] = page.kind == .frame || page.kind == .shared
        }
        return (report, outcomes)
    }

    /// Unmerges a range of pages of merged runs.
    func unmerge(_ range: Range<Int>, advice: RemapAdvice = .none) -> (report: RemapReport, outcomes: [RemapOutcome]) {
        let list = unsafe plan.base.assumingMemoryBound(to: RemapOutcome.self)
        let report = unsafe remapper.unmerge(
            region.pointer(range.lowerBound), pageCount: range.count, advice: advice, outcomes: list)
        let outcomes = range.indices.map { unsafe list[$0 - range.lowerBound] }
        for (page, outcome) in zip(range, outcomes) where outcome == .merged { isMerged[page] = false }
        return (report, outcomes)
    }

    /// Scans the region: the pages of runs that satisfy a condition.
    func scan(where matches: (TrackedRun) -> Bool = { _ in true }) -> [Int] {
        let capacity = 1024
        let buffer = Pages(anonymous: 8)
        let runs = unsafe buffer.base.assumingMemoryBound(to: TrackedRun.self)
        var pages: [Int] = []
        var done = 0
        while done < region.count {
            let answer = unsafe remapper.tracker.scan(
                region.pointer(done), pageCount: region.count - done, into: runs, capacity: capacity)
            precondition(answer.error == 0 && answer.pagesDone > 0)
            for position in 0..<answer.runs where matches(unsafe runs[position]) {
                let run = unsafe runs[position]
                let first = Int(UInt(run.start) - region.address) / Pages.size
                pages += Array(first..<first + Int(run.end - run.start) / Pages.size)
            }
            done += answer.pagesDone
        }
        return pages
    }

    /// Whether every page of the region reads as at the beginning.
    var isIntact: Bool { (0..<region.count).allSatisfy { region.holds($0, seed: $0 + 1) } }

    /// Why merging cannot be tested here.
    static var missing: String? { RemapFeatures.probe().missing.map { "\($0)" } }
}
