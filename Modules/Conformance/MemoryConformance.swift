public import PageChecksum
public import PageMemory

/// What a memory's author provides so that ``MemoryConformance`` can examine it: the program's side of the memory.
///
/// None of this is a job of the memory under test: it stands for a program that uses its pages.
public protocol MemoryHarness {
    /// The kind of memory under test.
    associatedtype Memory: MergeableMemory

    /// The memory under test.
    var memory: Memory { get set }

    /// Maps new pages, all absent, and registers them as an area with the memory.
    mutating func makeArea(pages: UInt32) throws -> AreaID

    /// The program writes a whole page, also if it holds these bytes already.
    mutating func write(_ bytes: [UInt8], to page: PageAddress)

    /// The program reads a whole page.
    mutating func read(_ page: PageAddress) -> [UInt8]

    /// The program gives a page back, as `madvise(MADV_DONTNEED)` does.
    mutating func discard(_ page: PageAddress)

    /// The program unmaps an area, and the memory forgets it.
    mutating func dropArea(_ area: AreaID)
}

/// Checks that a memory keeps the contracts of `PageObserver`, `PageReader` and `PageMerger`.
///
/// Run it on a plug-in in a test of any framework:
///
///     var harness = MyHarness()
///     for violation in MemoryConformance(checksum: MyChecksum()).violations(of: &harness) { Issue.record("\(violation)") }
///
/// Checked are: the first observation reports all that exists; later ones whatever was written, discarded or forgotten since,
/// and no more than that on a memory that tracks changes; checksums and comparisons; merges of founders, of joiners,
/// of rows and of zeros; that every page reads the same before and after each call; that nothing is merged
/// that is not equal, and nothing of a group whose source has changed; writes to merged pages; unmerging; release.
/// Races need a memory that can stop in the middle of a call, and are not checked.
///
/// The same seed gives the same pages, so that a violation can be repeated. Pages of at least 16 bytes are needed.
public struct MemoryConformance: Sendable {
    let checksum: any PageChecksum
    let seed: UInt64

    /// Prepares the checks.
    ///
    /// - Parameters:
    ///   - checksum: The checksum that the memory checks new frames with.
    ///   - seed: What the content of pages comes from.
    /// - Complexity: O(1)
    public init(checksum: any PageChecksum, seed: UInt64 = 1) {
        self.checksum = checksum
        self.seed = seed
    }

    /// Runs all checks and says, in one line each, what is wrong; empty for a sound memory.
    ///
    /// - Parameter harness: The memory and the program's side of it; other areas that it holds are not touched.
    /// - Complexity: Some hundred calls of the memory, on areas of at most 80 pages.
    public func violations<Harness: MemoryHarness>(of harness: inout Harness) -> [String] {
        var examination = MemoryExamination(harness: harness, checksum: checksum, seed: seed)
        examination.run()
        harness = examination.harness
        return examination.found
    }
}

/// One run of the checks: the memory, and what was found so far.
struct MemoryExamination<Harness: MemoryHarness> {
    var harness: Harness
    let checksum: any PageChecksum
    let seed: UInt64
    var found: [String] = []
    /// The check under way, told with what it finds.
    var title = ""

    init(harness: Harness, checksum: any PageChecksum, seed: UInt64) {
        self.harness = harness
        self.checksum = checksum
        self.seed = seed
    }

    mutating func run() {
        check("first observation") { try $0.checkFirstObservation() }
        check("later observations") { try $0.checkLaterObservations() }
        check("observing parts") { try $0.checkPartialObservation() }
        check("discarding") { try $0.checkDiscarding() }
        check("forgetting observations") { try $0.checkForgetting() }
        check("unknown areas") { try $0.checkUnknownArea() }
        check("checksums") { try $0.checkChecksums() }
        check("comparing") { try $0.checkComparing() }
        check("merging founders") { try $0.checkFounders() }
        check("merging joiners") { try $0.checkJoiners() }
        check("merging unequal pages") { try $0.checkUnequalPages() }
        check("a changed source") { try $0.checkChangedSource() }
        check("rows of frames") { try $0.checkRows() }
        check("longer rows") { try $0.checkLongerRows() }
        check("zeros") { try $0.checkZeros() }
        check("writing to merged pages") { try $0.checkWritingMerged() }
        check("discarding merged pages") { try $0.checkDiscardingMerged() }
        check("discarding before a merge") { try $0.checkDiscardingBeforeMerge() }
        check("unmerging") { try $0.checkUnmerging() }
        check("releasing") { try $0.checkReleasing() }
        check("several groups and areas") { try $0.checkSeveralGroups() }
    }

    private mutating func check(_ title: String, _ body: (inout Self) throws -> Void) {
        self.title = title
        do {
            try body(&self)
        } catch {
            found.append("\(title): \(error)")
        }
    }
}
