import CLinuxMemory
import PageMemory
import Wire

/// Which parts of a plan are not carried out, because the processes have no map entries for them.
struct PlanRefusals {
    /// Of each site.
    fileprivate(set) var sites: [Bool]
    /// Of each group: no frames are made for it.
    fileprivate(set) var groups: [Bool]

    /// None.
    init(_ plan: MergePlan) {
        sites = [Bool](repeating: false, count: plan.sites.count)
        groups = [Bool](repeating: false, count: plan.groups.count)
    }
}

extension DaemonMemory {
    /// A site that is to map a new frame: where it is, and the place of its frame among the new ones.
    private struct NewSite {
        var slot: Int32
        var area: UInt32
        var index: UInt32
        var frame: UInt32
        var place: Int
        var group: Int

        func continues(_ before: NewSite) -> Bool {
            slot == before.slot && area == before.area && index == before.index + 1 && frame == before.frame + 1
        }
    }

    /// Finds the sites for which new frames would be made in vain: runs that are too short for the map entries left in their
    /// process, and the last site of a content whose other sites are such. Frames that exist cost nothing to ask for.
    ///
    /// - Complexity: O(n log n) in the sites, and O(n) while none of their processes is short of entries.
    func refusals(of plan: MergePlan) -> PlanRefusals {
        var refusals = PlanRefusals(plan)
        let slots = slotsThatMayLackEntries(for: plan)
        guard !slots.isEmpty else { return refusals }
        let sites = newSites(of: plan)
        askForEntries(of: slots)
        // What is left out makes other runs shorter.
        while refuseShortRuns(of: sites, &refusals) || refuseLoneSites(of: sites, plan, &refusals) {}
        return refusals
    }

    /// The clients that are to map new frames and may not have entries enough.
    private func slotsThatMayLackEntries(for plan: MergePlan) -> [Int32] {
        let now = lm_monotonic_nanoseconds()
        var isKnown = [Bool](repeating: false, count: connections.count)
        var slots: [Int32] = []
        for site in plan.sites {
            guard plan.groups[Int(site.group)].makesFrames, let slot = record(of: site.page.area)?.slot,
                !isKnown[Int(slot)]
            else { continue }
            isKnown[Int(slot)] = true
            if connections[Int(slot)]?.entries.mayLack(for: plan.sites.count, at: now) == true { slots.append(slot) }
        }
        return slots
    }

    /// Asks agents that can tell how many entries are left, all at once.
    private func askForEntries(of slots: [Int32]) {
        var asked: [AgentConnection] = []
        for slot in slots {
            guard let connection = connection(slot), connection.entries.canTell else { continue }
            connection.beginRequest(.entries)
            if connection.post(.entries) { asked.append(connection) }
        }
        for connection in asked {
            guard let answer = connection.collect(WireEntries.self, entries: 0...0, of: UInt8.self) else { continue }
            connection.entries.told(answer.body, at: lm_monotonic_nanoseconds())
        }
    }

    private func newSites(of plan: MergePlan) -> [NewSite] {
        var next: UInt32 = 0
        let firstFrames: [UInt32?] = plan.groups.map { group in
            guard group.makesFrames else { return nil }
            defer { next += group.rowLength }
            return next
        }
        var sites: [NewSite] = []
        for (place, site) in plan.sites.enumerated() {
            let group = Int(site.group)
            guard let first = firstFrames[group], let record = record(of: site.page.area) else { continue }
            let row = FrameRow(first: Frame(rawValue: first), count: plan.groups[group].rowLength)
            sites.append(
                NewSite(
                    slot: record.slot, area: record.wire, index: site.page.index,
                    frame: row.frame(forPageAt: site.page.index).rawValue, place: place, group: group))
        }
        sites.sort { ($0.slot, $0.area, $0.index) < ($1.slot, $1.area, $1.index) }
        return sites
    }

    /// True if there were any.
    private func refuseShortRuns(of sites: [NewSite], _ refusals: inout PlanRefusals) -> Bool {
        var isAny = false
        var start = 0
        var entries = connections.map { $0?.entries }
        while start < sites.count {
            var end = start + 1
            guard !refusals.sites[sites[start].place] else {
                start = end
                continue
            }
            while end < sites.count, sites[end].continues(sites[end - 1]), !refusals.sites[sites[end].place] {
                end += 1
            }
            if entries[Int(sites[start].slot)]?.admits(run: end - start) == false {
                for site in sites[start..<end] { refusals.sites[site.place] = true }
                isAny = true
            }
            start = end
        }
        return isAny
    }

    /// True if there were any.
    private func refuseLoneSites(of sites: [NewSite], _ plan: MergePlan, _ refusals: inout PlanRefusals) -> Bool {
        var left = [Int](repeating: 0, count: plan.groups.count)
        for site in sites where !refusals.sites[site.place] { left[site.group] += 1 }
        var isAny = false
        for site in sites where !refusals.groups[site.group] {
            // A longer row of a content that is shared is worth it for one.
            let fewest = if case .copy = plan.groups[site.group].source { 1 } else { 2 }
            if left[site.group] < fewest { refusals.groups[site.group] = true }
        }
        for site in sites where refusals.groups[site.group] && !refusals.sites[site.place] {
            refusals.sites[site.place] = true
            isAny = true
        }
        return isAny
    }

    /// Remembers what runs took, and of which length they were refused, after the pages in the scratch were merged.
    func noteRuns(_ outcome: MergeOutcome) {
        var start = 0
        let now = lm_monotonic_nanoseconds()
        let work = scratch.work
        while start < work.count {
            var end = start + 1
            while end < work.count, work[end].slot == work[start].slot, work[end].area == work[start].area,
                work[end].index == work[end - 1].index + 1, work[end].frame == work[end - 1].frame &+ 1
            { end += 1 }
            let isRefused = outcome.sites[Int(work[start].place)] == .mapLimit
            connections[Int(work[start].slot)]?.entries.note(run: end - start, isRefused: isRefused, at: now)
            start = end
        }
    }
}

extension MergeGroup {
    /// Whether frames are to be made for it.
    fileprivate var makesFrames: Bool {
        switch source {
        case .zeros, .row: false
        case .page, .copy: true
        }
    }
}
