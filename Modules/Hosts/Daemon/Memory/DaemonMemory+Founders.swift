import PageChecksum
import PageMemory

/// What the pages of a group are to map.
enum PreparedRow {
    /// Nothing: they are given back.
    case zeros
    case row(FrameRow)
    /// The page that the frames were to be filled from cannot be read.
    case founderGone
    case failure(SiteOutcome)
}

extension DaemonMemory {
    /// Makes the new frames of a plan, in the order of its groups, but for those that are refused.
    func prepareRows(
        of plan: MergePlan, but refusals: PlanRefusals, into outcome: inout MergeOutcome
    ) -> [PreparedRow] {
        var rows: [PreparedRow] = []
        rows.reserveCapacity(plan.groups.count)
        while rows.count < plan.groups.count {
            let start = rows.count
            gatherFounders(of: plan, but: refusals, &rows)
            fetchFounders()
            chooseContents(of: plan, start..<rows.count, &rows)
            store.add(scratch.contents, into: &scratch.rows)
            for (place, group) in scratch.groups.enumerated() {
                outcome.rows[group] = scratch.rows[place]
                if let row = scratch.rows[place] {
                    rows[group] = .row(row)
                } else if case .page = plan.groups[group].source {
                    rows[group] = .failure(.outOfMemory)
                }
                let content = scratch.contents[place]
                if scratch.rows[place] == nil { content.payer?.giveBack(Int(content.count)) }
            }
            cache.clear()
        }
        return rows
    }

    /// Puts founders into the scratch, as many as there is room for copies of.
    private func gatherFounders(of plan: MergePlan, but refusals: PlanRefusals, _ rows: inout [PreparedRow]) {
        scratch.work.removeAll(keepingCapacity: true)
        scratch.payers.removeAll(keepingCapacity: true)
        while rows.count < plan.groups.count, scratch.work.count < PageCache.capacity {
            scratch.payers.append(nil)
            guard !refusals.groups[rows.count] else {
                rows.append(.failure(.mapLimit))
                continue
            }
            switch plan.groups[rows.count].source {
            case .zeros: rows.append(.zeros)
            case .row(let row): rows.append(.row(row))
            // Where a longer row cannot be had, the frame that is there will do.
            case .copy(let frame): rows.append(.row(FrameRow(first: frame, count: 1)))
            case .page(let page):
                if let record = record(of: page.area), page.index < record.pageCount {
                    scratch.payers[scratch.payers.count - 1] = connection(record.slot)?.account
                    scratch.work.append(
                        PageWork(
                            slot: record.slot, area: record.wire, index: page.index, frame: 0,
                            place: UInt32(rows.count)))
                }
                rows.append(.founderGone)
            }
        }
    }

    /// Has the founders copied, each once; the groups in the scratch are those whose founder was read, with its copy.
    private func fetchFounders() {
        scratch.founders.removeAll(keepingCapacity: true)
        guard !scratch.work.isEmpty else { return }
        upload(keeping: true) { group, copy in scratch.founders.append((group, copy)) }
        // Clients answer one after the other; frames lie in the order of the groups.
        scratch.founders.sort { $0.group < $1.group }
    }

    /// Chooses what new rows hold: copies of founders that have the content that their group is about, and frames
    /// that get more of their kind. A founder may have changed before it was copied, or its agent may have sent
    /// anything.
    private func chooseContents(of plan: MergePlan, _ groups: Range<Int>, _ rows: inout [PreparedRow]) {
        scratch.contents.removeAll(keepingCapacity: true)
        scratch.groups.removeAll(keepingCapacity: true)
        var next = 0
        for place in groups {
            let group = plan.groups[place]
            if case .failure = rows[place] { continue }
            if case .copy(let frame) = group.source, let bytes = unsafe store.bytes(of: frame) {
                scratch.contents.append(unsafe RowContent(bytes, count: group.rowLength))
                scratch.groups.append(place)
            }
            guard next < scratch.founders.count, scratch.founders[next].group == place else { continue }
            let bytes = unsafe cache.copy(at: scratch.founders[next].copy)
            next += 1
            counted.bytesRead += UInt64(pageSize)
            // SAFETY: a copy that is the daemon's own.
            guard checksum.digest(of: unsafe RawSpan(_unsafeStart: bytes, byteCount: pageSize)) == group.digest else {
                counted.foundersChanged += 1
                rows[place] = .failure(.changed)
                continue
            }
            guard let payer = payer(of: plan, place, first: scratch.payers[place - groups.lowerBound]) else {
                rows[place] = .failure(.outOfMemory)
                continue
            }
            scratch.contents.append(unsafe RowContent(bytes, count: group.rowLength, payer: payer))
            scratch.groups.append(place)
        }
    }

    /// Who is charged for a group's new row: the founder's client, or another that has a page in the group; `nil` where
    /// each of them is charged as much as it has pages.
    private func payer(of plan: MergePlan, _ group: Int, first: FrameAccount?) -> FrameAccount? {
        let frames = Int(plan.groups[group].rowLength)
        if let first, first.take(frames) { return first }
        for site in plan.sites where Int(site.group) == group {
            guard let record = record(of: site.page.area), let account = connection(record.slot)?.account,
                account !== first
            else { continue }
            if account.take(frames) { return account }
        }
        return nil
    }
}
