import CLinuxMemory
import PageChecksum
import PageMemory
import Remap

extension InProcessMemory: PageMerger {
    func merge(_ plan: MergePlan, into outcome: inout MergeOutcome) {
        measuring(\.merge) { carryOut(plan, into: &outcome) }
    }

    private func carryOut(_ plan: MergePlan, into outcome: inout MergeOutcome) {
        outcome.sites = [SiteOutcome](repeating: .changed, count: plan.sites.count)
        outcome.rows = [FrameRow?](repeating: nil, count: plan.groups.count)
        budget.prepare()
        let rows = measuring(\.fill) { prepareRows(of: plan, into: &outcome) }
        scratch.work.removeAll(keepingCapacity: true)
        for (place, site) in plan.sites.enumerated() {
            switch rows[Int(site.group)] {
            case .failure(let reason): outcome.sites[place] = reason
            case .zeros: scratch.work.append(SiteWork(page: site.page, site: place, frame: nil))
            case .row(let row):
                let frame = row.frame(forPageAt: site.page.index)
                scratch.work.append(SiteWork(page: site.page, site: place, frame: frame))
            }
        }
        scratch.work.sort { $0.page < $1.page }
        var start = 0
        while start < scratch.work.count {
            start = excludingTraps {
                let end = endOfWindow(from: start)
                mergeWindow(start..<end, into: &outcome)
                return end
            }
        }
    }

    /// What a group's pages are to map.
    private enum PreparedRow {
        case zeros
        case row(FrameRow)
        case failure(SiteOutcome)
    }

    /// Fills the new frames of a plan. Neighbouring founders go to neighbouring frames with one system call.
    private func prepareRows(of plan: MergePlan, into outcome: inout MergeOutcome) -> [PreparedRow] {
        var rows: [PreparedRow] = []
        rows.reserveCapacity(plan.groups.count)
        while rows.count < plan.groups.count {
            let group = plan.groups[rows.count]
            switch group.source {
            case .zeros: rows.append(.zeros)
            case .row(let row): rows.append(.row(row))
            case .copy(let frame):
                let row = prepareRow(group, from: .frame(frame), at: rows.count, into: &outcome)
                if case .failure = row {
                    // The frame that is there will do.
                    rows.append(.row(FrameRow(first: frame, count: 1)))
                } else {
                    rows.append(row)
                }
            case .page(let page) where group.rowLength > 1:
                rows.append(prepareRow(group, from: .page(page), at: rows.count, into: &outcome))
            case .page:
                prepareFounders(of: plan, from: rows.count, into: &outcome, &rows)
            }
        }
        return rows
    }

    /// Frames for a run of groups whose founders are neighbouring pages.
    private func prepareFounders(
        of plan: MergePlan, from first: Int, into outcome: inout MergeOutcome, _ rows: inout [PreparedRow]
    ) {
        guard case .page(let start) = plan.groups[first].source, let frame = store.reserve(1) else {
            rows.append(.failure(.outOfMemory))
            return
        }
        var count = 1
        while first + count < plan.groups.count, count < store.room,
            plan.groups[first + count].rowLength == 1,
            case .page(let page) = plan.groups[first + count].source,
            page == PageAddress(area: start.area, index: start.index + UInt32(count))
        {
            count += 1
        }
        guard let source = unsafe pointer(to: start) else {
            for _ in 0..<count { rows.append(.failure(.gone)) }
            return
        }
        let filled = unsafe store.fill(frame, from: source, count: count)
        guard filled > 0 else {
            for _ in 0..<count { rows.append(.failure(filled == -Int(LM_EFAULT) ? .gone : .outOfMemory)) }
            return
        }
        store.take(UInt32(filled))
        for place in 0..<filled {
            let row = FrameRow(first: Frame(rawValue: frame.rawValue + UInt32(place)), count: 1)
            accept(row, for: plan.groups[first + place], at: first + place, into: &outcome, &rows)
        }
    }

    /// A row of identical frames.
    private func prepareRow(
        _ group: MergeGroup, from content: PageContent, at place: Int, into outcome: inout MergeOutcome
    ) -> PreparedRow {
        guard let first = store.reserve(group.rowLength) else { return .failure(.outOfMemory) }
        let source: UnsafeMutableRawPointer?
        switch content {
        case .page(let page): unsafe source = pointer(to: page)
        case .frame(let frame): unsafe source = store.bytes(of: frame)
        case .zeros: unsafe source = scratch.zeros
        }
        guard let source = unsafe source else { return .failure(.gone) }
        guard unsafe store.fill(first, from: source, count: 1) == 1 else { return .failure(.outOfMemory) }
        // The others are copies of our own first frame: the source may change between two reads.
        let original = unsafe store.bytes(of: first)
        for offset in 1..<group.rowLength {
            let frame = Frame(rawValue: first.rawValue + offset)
            guard unsafe store.fill(frame, from: original, count: 1) == 1 else { return .failure(.outOfMemory) }
        }
        store.take(group.rowLength)
        var rows: [PreparedRow] = []
        accept(FrameRow(first: first, count: group.rowLength), for: group, at: place, into: &outcome, &rows)
        return rows[0]
    }

    /// A new row counts only if it holds what the group is about: the founder may have changed before it was copied.
    private func accept(
        _ row: FrameRow, for group: MergeGroup, at place: Int, into outcome: inout MergeOutcome,
        _ rows: inout [PreparedRow]
    ) {
        // SAFETY: the frame was just filled, and is never written again.
        let bytes = unsafe RawSpan(_unsafeStart: store.bytes(of: row.first), byteCount: pageSize)
        guard checksum.digest(of: bytes) == group.digest else {
            store.release(row)
            rows.append(.failure(.changed))
            return
        }
        outcome.rows[place] = row
        rows.append(.row(row))
    }

    func release(_ rows: [FrameRow]) {
        for row in rows { store.release(row) }
        store.dropUnused()
    }
}
