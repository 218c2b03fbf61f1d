import PageChecksum
import PageMemory
import PageTree

/// The domain's memory, which remembers for each area why pages of it were not merged.
struct WatchedMemory: MergeableMemory {
    let base: DaemonMemory
    /// Outcomes other than success and the program's own doing, by area, since they were last taken.
    private(set) var reasons: [AreaID: Set<SiteOutcome>] = [:]

    init(_ base: DaemonMemory) { self.base = base }

    var pageSize: Int { base.pageSize }
    var tracksChanges: Bool { base.tracksChanges }

    func observe(
        _ area: AreaID, pages: Range<UInt32>, into runs: inout [ObservedRun]
    ) throws(PageMemoryError) {
        try base.observe(area, pages: pages, into: &runs)
    }

    func forgetObservations(of area: AreaID) { base.forgetObservations(of: area) }

    func takeChecksums(
        of pages: [PageAddress], with checksum: any PageChecksum, into digests: inout [PageDigest?]
    ) {
        base.takeChecksums(of: pages, with: checksum, into: &digests)
    }

    func compare(_ first: PageContent, _ second: PageContent) -> PageOrder { base.compare(first, second) }

    mutating func merge(_ plan: MergePlan, into outcome: inout MergeOutcome) {
        base.merge(plan, into: &outcome)
        for (site, result) in zip(plan.sites, outcome.sites) {
            switch result {
            case .merged, .changed, .gone: break
            case .busy, .mapLimit, .outOfMemory, .unsupported: reasons[site.page.area, default: []].insert(result)
            }
        }
    }

    func unmerge(_ pages: [PageAddress], into outcome: inout [SiteOutcome]) { base.unmerge(pages, into: &outcome) }

    func release(_ rows: [FrameRow]) { base.release(rows) }

    /// Why pages of an area were not merged since this was last asked.
    mutating func takeReasons(of area: AreaID) -> Set<SiteOutcome> { reasons.removeValue(forKey: area) ?? [] }
}

extension SiteOutcome {
    /// Why a page was left alone, for people.
    var reason: String {
        switch self {
        case .merged, .changed, .gone: "written or given back by the program"
        case .busy: "pinned or shared with a forked child"
        case .mapLimit: "no map entries left within the budget"
        case .outOfMemory: "no memory left for it"
        case .unsupported: "of a kind that is never merged"
        }
    }
}
