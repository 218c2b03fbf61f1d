import CLinuxMemory
import PageMemory
import Remap

/// What the memory knows of one registered region.
///
/// The map table has one number for each page: 0 for anonymous memory, else the frame that the page lies over, plus 1.
/// A page lies over a frame from its merge until it is unmerged or discarded, also while it has a copy of its own.
@safe
final class RegionRecord {
    let base: UnsafeMutableRawPointer
    let pageCount: UInt32
    let advice: RemapAdvice
    private let frames: UnsafeMutablePointer<UInt32>
    /// Whether the program mapped the memory itself.
    let isAdopted: Bool
    /// Whether the tracking of some pages was lost, for want of memory.
    var lacksTracking = false
    /// Pages discarded since they were last observed.
    private var discarded: PageBits
    /// Pages over frames that were written since.
    private var rewritten: PageBits
    /// Pages of a window that were refused: they count as written, and were not. What is written meanwhile is noticed
    /// all the same, because the merger takes a checksum of such a page before it tries again.
    var refused: PageBits
    private let references: FrameReferences
    /// The forks of the process when pages were last taken back from children, and those pages.
    private var takenBackAfter: UInt64 = 0
    private var takenBack: Set<UInt32> = []

    /// Allocates the map table; `nil` when there is no memory.
    init?(
        base: UnsafeMutableRawPointer, pageCount: UInt32, advice: RemapAdvice, isAdopted: Bool,
        references: FrameReferences
    ) {
        let size = Int(pageCount) * 4
        // SAFETY: a fresh mapping; pages of it that are never written cost nothing.
        let address = lm_mmap(
            0, size, Int32(LM_PROT_READ | LM_PROT_WRITE),
            Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_NORESERVE), -1, 0)
        guard lm_is_error(address) == 0, let table = unsafe UnsafeMutablePointer<UInt32>(bitPattern: address) else {
            return nil
        }
        unsafe self.base = base
        self.pageCount = pageCount
        let none = PageBits(pageCount: pageCount)
        (discarded, rewritten, refused) = (none, none, none)
        self.advice = advice
        self.isAdopted = isAdopted
        self.references = references
        unsafe frames = table
    }

    deinit {
        for page in 0..<pageCount {
            if let frame = frame(at: page) { references.add(-1, for: frame) }
        }
        // SAFETY: the mapping made by init.
        _ = unsafe lm_munmap(UInt(bitPattern: frames), Int(pageCount) * 4)
    }

    /// The frame that a page lies over.
    func frame(at page: UInt32) -> Frame? {
        // SAFETY: callers keep to the region's pages.
        let entry = unsafe frames[Int(page)]
        return entry == 0 ? nil : Frame(rawValue: entry - 1)
    }

    func setFrame(_ frame: Frame?, at page: UInt32) {
        if let old = self.frame(at: page) { references.add(-1, for: old) }
        if let frame { references.add(1, for: frame) }
        // SAFETY: callers keep to the region's pages.
        unsafe frames[Int(page)] = frame.map { $0.rawValue + 1 } ?? 0
        rewritten.remove(page)
        refused.remove(page)
    }

    /// Whether a page over a frame is known to have been written since. It stays as it is, and is no candidate, until it is
    /// discarded: the kernel offers no test for writes through pins there.
    func isRewritten(_ page: UInt32) -> Bool { rewritten.contains(page) }

    /// Notes that a page over a frame was written.
    func noteRewritten(_ page: UInt32) { rewritten.insert(page) }

    /// How many pages were written since they merged.
    var rewrittenCount: Int { rewritten.count }

    /// Takes over what another record knows of the pages that both have.
    func copyFrames(from other: RegionRecord) {
        for page in 0..<min(pageCount, other.pageCount) {
            setFrame(other.frame(at: page), at: page)
            if other.isRewritten(page) { noteRewritten(page) }
        }
    }

    /// Whether a page and the one after it are in different map entries, as far as merging made them.
    private func isBoundary(after page: UInt32) -> Bool {
        let (left, right) = unsafe (frames[Int(page)], frames[Int(page) + 1])
        return right != (left == 0 ? 0 : left &+ 1)
    }

    /// The number of borders between map entries inside a range and at its two ends.
    ///
    /// - Complexity: O(n) in the pages of the range.
    func boundaries(around pages: Range<UInt32>) -> Int {
        var count = 0
        let first = pages.lowerBound == 0 ? 0 : pages.lowerBound - 1
        let last = min(pages.upperBound, pageCount - 1)
        guard first < last else { return 0 }
        for page in first..<last where isBoundary(after: page) { count += 1 }
        return count
    }

    /// The first run of pages that lie over frames, in a range.
    func mergedRun(in pages: Range<UInt32>) -> Range<UInt32>? {
        guard let start = pages.first(where: { frame(at: $0) != nil }) else { return nil }
        let end = (start..<pages.upperBound).first { frame(at: $0) == nil } ?? pages.upperBound
        return start..<end
    }

    /// Whether a page may be taken back from a forked child: once after each fork, because a pinned page looks the same.
    func mayTakeBack(_ page: UInt32, forks: UInt64) -> Bool {
        if forks != takenBackAfter {
            takenBackAfter = forks
            takenBack.removeAll()
        }
        return forks > 0 && !takenBack.contains(page)
    }

    func noteTakenBack(_ page: UInt32) { takenBack.insert(page) }

    /// Notes discarded pages for the next observation.
    func noteDiscarded(_ pages: Range<UInt32>) {
        for page in pages { discarded.insert(page) }
    }

    /// Leaves a page out of the next observation's discarded ones.
    func forgetDiscard(of page: UInt32) { discarded.remove(page) }

    /// Runs of pages in a range that were discarded since this was last asked.
    func takeDiscarded(in pages: Range<UInt32>) -> [Range<UInt32>] {
        let runs = discarded.take(pages)
        for run in runs { for page in run { refused.remove(page) } }
        return runs
    }

    /// The address of a page.
    func address(of page: UInt32, pageSize: Int) -> UnsafeMutableRawPointer {
        // SAFETY: callers keep to the region's pages.
        unsafe base + Int(page) * pageSize
    }
}
