internal import PageChecksum
public import PageMemory
internal import PageTree

extension SimulatedMemory: PageMerger {
    /// Carries out a plan, with every check that the contract asks for, and some on the plan itself.
    public func merge(_ plan: MergePlan, into outcome: inout MergeOutcome) {
        reach(.beforeMerging)
        checkSoundness(of: plan)
        let supplies = plan.groups.indices.map { makeFrames(for: plan.groups[$0], number: $0) }
        let sites = plan.sites.map { merge($0.page, with: supplies[Int($0.group)]) }
        let rows = zip(plan.groups, supplies).map { group, supply -> FrameRow? in
            switch (group.source, supply) {
            case (.page, .row(let row)), (.copy, .row(let row)): row
            default: nil
            }
        }
        outcome = MergeOutcome(sites: sites, rows: rows)
    }

    /// Gives pages memory of their own. The next observation reports them as changed.
    public func unmerge(_ pages: [PageAddress], into outcome: inout [SiteOutcome]) {
        if pages != pages.sorted() { violations.append("pages to unmerge are not in ascending order") }
        outcome = pages.map { unmerge($0) }
    }

    /// Takes frames back. A frame that a page of a registered area still maps is a violation; one that others map lives
    /// on until they are done.
    public func release(_ rows: [FrameRow]) {
        reach(.beforeReleasing)
        let released = rows.flatMap(\.frames)
        let mapped = released.filter { (frames.records[$0]?.mappers ?? 0) > 0 }
        // One look at all pages for all frames: there may be many of both.
        let mappers = mapped.isEmpty ? [:] : registeredMappers(of: Set(mapped))
        for frame in released { release(frame, mapper: mappers[frame]) }
    }

    private func release(_ frame: Frame, mapper: PageAddress?) {
        tally.framesReleased += 1
        guard let record = frames.records[frame], !record.isReleased else {
            violations.append("frame \(frame.rawValue) is released, and does not live")
            return
        }
        if let page = mapper {
            violations.append(
                "frame \(frame.rawValue) is released while page \(page.index) of area \(page.area.rawValue) maps it")
        }
        frames.release(frame)
    }

    /// Where the sites of a group get their frames from.
    private enum Supply {
        case zeros
        case row(FrameRow)
        /// There are none; every site gets this answer, but the source that is gone.
        case none(SiteOutcome)
    }

    private func makeFrames(for group: MergeGroup, number: Int) -> Supply {
        reach(.beforeFilling(group: number))
        defer { reach(.afterFilling(group: number)) }
        let bytes: PageBytes
        var node: UInt8 = 0
        switch group.source {
        case .zeros:
            return .zeros
        case .row(let row):
            return .row(row)
        case .copy(let frame):
            guard let record = frames.records[frame] else { return .none(.changed) }
            bytes = record.bytes
            node = record.node
        case .page(let page):
            if let refusal = refuses(.fill, page) { return .none(refusal) }
            guard let place = locate(page), let content = self.bytes(of: holding(at: place)) else {
                return .none(.changed)
            }
            bytes = content
            node = self.node(of: page)
        }
        tally.bytesRead += pageSize
        guard digest(of: bytes, with: checksum) == group.digest else { return .none(.changed) }
        guard allocate(Int(group.rowLength)) else { return .none(.outOfMemory) }
        return .row(frames.makeRow(of: bytes, node: node, count: group.rowLength))
    }

    private func merge(_ page: PageAddress, with supply: Supply) -> SiteOutcome {
        reach(.beforeVerifying(page))
        tally.mergeSites += 1
        guard let place = locate(page), let bytes = bytes(of: holding(at: place)) else {
            return .gone
        }
        if let refusal = refuses(.merge, page) { return refusal }
        if pins[place] != nil { return .busy }
        tally.bytesRead += pageSize
        let target: PageHolding
        switch supply {
        case .none(let outcome):
            return outcome
        case .zeros:
            guard bytes.isZero else { return .changed }
            target = .zeros
        case .row(let row):
            let frame = row.frame(forPageAt: page.index)
            guard let record = frames.records[frame], bytes.order(relativeTo: record.bytes, size: pageSize) == .same
            else { return .changed }
            target = .shared(frame)
        }
        set(place, to: target, changed: false)
        tally.sitesMerged += 1
        reach(.afterMapping(page))
        return .merged
    }

    private func unmerge(_ page: PageAddress) -> SiteOutcome {
        reach(.beforeUnmerging(page))
        tally.unmerges += 1
        guard let place = locate(page) else { return .gone }
        let holding = holding(at: place)
        switch holding {
        case .absent, .zeros: return .gone
        case .own, .forked: return .merged
        case .shared: break
        }
        if let refusal = refuses(.unmerge, page) { return refusal }
        guard let bytes = bytes(of: holding) else { return .gone }
        guard allocate() else { return .outOfMemory }
        set(place, to: .own(bytes), changed: true)
        return .merged
    }

    /// Records what is wrong with a plan before anything was done.
    private func checkSoundness(of plan: MergePlan) {
        if Set(plan.sites.map(\.page)).count != plan.sites.count {
            violations.append("a plan lists a page twice")
        }
        for (number, group) in plan.groups.enumerated() {
            switch group.source {
            case .zeros: break
            case .row(let row):
                for frame in row.frames { checkLives(frame) }
            case .copy(let frame): checkLives(frame)
            case .page(let page):
                if !plan.sites.contains(MergeSite(page: page, group: UInt32(number))) {
                    violations.append("the source of group \(number) is none of its sites")
                }
            }
        }
    }

    private func checkLives(_ frame: Frame) {
        if frames.records[frame].map(\.isReleased) ?? true {
            violations.append("a plan joins frame \(frame.rawValue), which does not live")
        }
    }
}
