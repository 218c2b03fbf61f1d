import Merger
import PageChecksum
import PageMemory
import PageTree
import SimulatedMemory

/// Holds what a merger does against `minimum_age_millisecs` and `minimum_sharers`, by knowing every write of the programs.
final class Witness {
    unowned var rig: Rig!
    private(set) var age: UInt32 = 0
    private(set) var sharers: UInt8 = 1
    private(set) var violations: [String] = []
    /// Pages that were merged to a frame that too few programs share, and are to be un-shared before anything else.
    private(set) var toUnshare: Set<PageAddress> = []
    /// Of those, the ones that the memory has refused to un-share.
    private var refused: Set<PageAddress> = []

    private var written: [PageAddress: UInt64] = [:]
    private var first: [PageAddress: UInt64] = [:]
    private var writtenBefore: [PageAddress: UInt64] = [:]
    private var observed: [PageAddress: UInt64] = [:]
    private var spaces: [AreaID: AddressSpaceID] = [:]
    private var beingObserved: [PageAddress] = []

    /// Called with each plan.
    var onPlan: ((MergePlan) -> Void)?

    func require(age: UInt32, sharers: UInt8) {
        (self.age, self.sharers) = (age, sharers)
    }

    /// The address space of a page; also one whose area was unmapped when it had just been merged.
    func space(of page: PageAddress) -> AddressSpaceID? {
        rig.memory.registeredAreas.first { $0.id == page.area }?.space ?? spaces[page.area]
    }

    func wrote(_ page: PageAddress) { written[page] = rig.clock }

    /// Later writes are noticed by the next observation.
    func note(_ moment: SimulatedMoment) {
        guard case .afterObserving = moment else { return }
        for page in beingObserved {
            writtenBefore[page] = written[page]
            if first[page] == nil { first[page] = rig.clock }
        }
        beingObserved = []
    }

    func observes(_ area: AreaID, _ pages: Range<UInt32>) {
        // Before anything else is done.
        expectUnshared("observing")
        spaces[area] = rig.memory.registeredAreas.first { $0.id == area }?.space ?? spaces[area]
        beingObserved = pages.map { PageAddress(area: area, index: $0) }
        for page in beingObserved { observed[page] = rig.clock }
    }

    func merged(_ plan: MergePlan, _ outcome: MergeOutcome) {
        expectUnshared("merging")
        onPlan?(plan)
        for (site, result) in zip(plan.sites, outcome.sites) where result == .merged { checkAge(site.page) }
        for (number, group) in plan.groups.enumerated() {
            guard case .page = group.source else { continue }
            let pages = zip(plan.sites, outcome.sites).filter { $0.0.group == number && $0.1 == .merged }.map(\.0.page)
            let spaces = Set(pages.compactMap { space(of: $0) })
            if !pages.isEmpty, spaces.count < Int(sharers) { toUnshare.formUnion(pages) }
        }
    }

    private func checkAge(_ page: PageAddress) {
        guard age > 0, rig.memory.tracksChanges, let observed = observed[page], let first = first[page] else { return }
        let since = max(first, writtenBefore[page] ?? 0)
        if observed < since + UInt64(age) {
            violations.append("page \(page) merges when it was \(Int64(observed) - Int64(since)) ms old")
        }
    }

    func unmerged(_ pages: [PageAddress], _ outcomes: [SiteOutcome]) {
        for (page, outcome) in zip(pages, outcomes) where toUnshare.contains(page) {
            switch outcome {
            case .merged, .changed, .gone:
                toUnshare.remove(page)
                refused.remove(page)
            case .busy, .mapLimit, .outOfMemory, .unsupported:
                refused.insert(page)
            }
        }
    }

    private func expectUnshared(_ next: String) {
        // Pages that have left otherwise are nobody's any more.
        toUnshare = toUnshare.filter { rig.memory.frame(of: $0) != nil }
        refused.formIntersection(toUnshare)
        let left = toUnshare.subtracting(refused)
        if !left.isEmpty { violations.append("before \(next), pages \(left) are still shared by too few") }
    }
}

/// A simulated memory that tells a witness what it is asked for.
struct WatchedMemory: MergeableMemory {
    let memory: SimulatedMemory
    let witness: Witness

    var pageSize: Int { memory.pageSize }
    var tracksChanges: Bool { memory.tracksChanges }

    func observe(
        _ area: AreaID, pages: Range<UInt32>, into runs: inout [ObservedRun]
    ) throws(PageMemoryError) {
        witness.observes(area, pages)
        try memory.observe(area, pages: pages, into: &runs)
    }

    func forgetObservations(of area: AreaID) { memory.forgetObservations(of: area) }

    func takeChecksums(
        of pages: [PageAddress], with checksum: any PageChecksum, into digests: inout [PageDigest?]
    ) {
        memory.takeChecksums(of: pages, with: checksum, into: &digests)
    }

    func compare(_ first: PageContent, _ second: PageContent) -> PageOrder { memory.compare(first, second) }

    func isSamePhysicalPage(_ first: PageAddress, _ second: PageAddress) -> Bool {
        reader.isSamePhysicalPage(first, second)
    }

    func frame(of page: PageAddress) -> Frame? { reader.frame(of: page) }

    func node(of page: PageAddress) -> UInt8 { reader.node(of: page) }

    private var reader: any PageReader { memory }

    func merge(_ plan: MergePlan, into outcome: inout MergeOutcome) {
        memory.merge(plan, into: &outcome)
        witness.merged(plan, outcome)
    }

    func unmerge(_ pages: [PageAddress], into outcome: inout [SiteOutcome]) {
        memory.unmerge(pages, into: &outcome)
        witness.unmerged(pages, outcome)
    }

    func release(_ rows: [FrameRow]) { memory.release(rows) }
}
