package import PageMemory
import PageVerdicts
import Remap
import Wire

extension DaemonMemory: PageMerger {
    /// Carries out a plan (see ``PageMerger``).
    package func merge(_ plan: MergePlan, into outcome: inout MergeOutcome) {
        outcome.sites = [SiteOutcome](repeating: .gone, count: plan.sites.count)
        outcome.rows = [FrameRow?](repeating: nil, count: plan.groups.count)
        cache.clear()
        let refusals = refusals(of: plan)
        let rows = prepareRows(of: plan, but: refusals, into: &outcome)
        gather(plan, rows, refusals, into: &outcome)
        exchange(
            .merge, limit: WireLimit.sites,
            prepare: { connection, range in sendSegments(for: range, to: connection) },
            write: { connection, page in
                connection.append(WireSite(area: page.area, index: page.index, frame: page.frame))
            },
            read: { connection, range in
                readOutcomes(of: range, from: connection) { place, result in
                    // Only unmerging finds rewritten pages.
                    outcome.sites[place] = result == .rewritten ? .unsupported : SiteOutcome(result)
                }
            })
        forgetUnsure(of: plan, outcome)
        for (place, site) in plan.sites.enumerated() where outcome.sites[place] == .gone { noteUnsure(site.page) }
        noteSuspects(of: plan, outcome)
        noteRuns(outcome)
        retireUnused()
    }

    /// Puts the sites that have something to map into the scratch; the others get their outcome at once.
    private func gather(
        _ plan: MergePlan, _ rows: [PreparedRow], _ refusals: PlanRefusals, into outcome: inout MergeOutcome
    ) {
        scratch.work.removeAll(keepingCapacity: true)
        for (place, site) in plan.sites.enumerated() {
            guard !refusals.sites[place] else {
                outcome.sites[place] = .mapLimit
                continue
            }
            let frame: UInt32
            switch rows[Int(site.group)] {
            case .zeros: frame = wireZeros
            case .row(let row): frame = row.frame(forPageAt: site.page.index).rawValue
            case .failure(let reason):
                outcome.sites[place] = reason
                continue
            case .founderGone:
                // The others of its group are there, and find another twin.
                let isFounder = plan.groups[Int(site.group)].source == .page(site.page)
                outcome.sites[place] = isFounder ? .gone : .changed
                continue
            }
            guard let record = record(of: site.page.area), site.page.index < record.pageCount else { continue }
            scratch.work.append(
                PageWork(
                    slot: record.slot, area: record.wire, index: site.page.index, frame: frame,
                    place: UInt32(place)))
        }
    }

    /// Passes on the segments that a request is about and the client does not have.
    private func sendSegments(for range: Range<Int>, to connection: AgentConnection) -> Bool {
        var last: UInt32?
        for place in range {
            let frame = scratch.work[place].frame
            let number = frame / WireLimit.framesOfSegment
            guard frame != wireZeros, number != last else { continue }
            guard connection.send(segment: number) else { return false }
            last = number
        }
        return true
    }

    /// Takes the answer to a merge or an unmerge; without one nothing is called.
    func readOutcomes(
        of range: Range<Int>, from connection: AgentConnection?, _ body: (Int, RemapOutcome) -> Void
    ) {
        guard let connection,
            let answer = connection.collect(WireWork.self, entries: range.count...range.count, of: UInt8.self)
        else { return }
        count(answer.body)
        for place in range {
            guard let byte = connection.takeEntry(UInt8.self) else { return }
            guard let result = RemapOutcome(rawValue: byte) else {
                connection.fail("answered with an outcome that does not exist")
                return
            }
            body(Int(scratch.work[place].place), result)
        }
    }

    private func noteSuspects(of plan: MergePlan, _ outcome: MergeOutcome) {
        for (place, site) in plan.sites.enumerated() {
            let result = outcome.sites[place]
            guard result == .changed || !suspects.isEmpty else { continue }
            let frame: Frame? =
                if let row = outcome.rows[Int(site.group)] {
                    row.first
                } else if case .row(let row) = plan.groups[Int(site.group)].source {
                    row.first
                } else {
                    nil
                }
            if result == .changed {
                suspects.insert(site.page)
                if let frame { suspects.insert(frame) }
            } else {
                suspects.remove(site.page)
                if result == .merged, let frame { suspects.remove(frame) }
            }
        }
    }

    /// Frames that no page known to the merger maps any more. They stay as they are; see ``SegmentStore``.
    package func release(_ rows: [FrameRow]) {
        for row in rows {
            store.release(row)
            suspects.remove(row.first)
        }
        retireUnused()
    }

    /// Gives merged pages memory of their own again (see ``PageMerger``).
    package func unmerge(_ pages: [PageAddress], into outcome: inout [SiteOutcome]) {
        outcome.removeAll(keepingCapacity: true)
        for _ in pages { outcome.append(.gone) }
        cache.clear()
        gather(pages)
        exchange(
            .unmerge, limit: WireLimit.pages,
            write: { connection, page in connection.append(WirePage(area: page.area, index: page.index)) },
            read: { connection, range in
                readOutcomes(of: range, from: connection) { place, result in
                    // One that was not dealt with still maps its frame.
                    outcome[place] = result == .pending ? .busy : SiteOutcome(result)
                }
            })
        for (place, page) in pages.enumerated() where outcome[place] == .gone { noteUnsure(page) }
    }

    /// Has a client give pages memory of their own again that nobody here knows.
    ///
    /// - Returns: Pages that still share; `nil` when there was no answer.
    func unshare(_ area: AreaID) -> Int? {
        guard let record = record(of: area) else { return 0 }
        var next: UInt32 = 0
        var left = 0
        while next < record.pageCount {
            guard let connection = connection(record.slot) else { return nil }
            connection.beginRequest(.unshare)
            connection.append(WireRange(area: record.wire, start: next, count: record.pageCount - next))
            guard connection.post(.unshare),
                let answer = connection.collect(WireUnshared.self, entries: 0...0, of: UInt8.self)
            else { return nil }
            guard 1...(record.pageCount - next) ~= answer.body.pagesDone, answer.body.pagesLeft <= answer.body.pagesDone
            else {
                connection.fail("un-shared \(answer.body.pagesDone) of \(record.pageCount - next) pages")
                return nil
            }
            count(answer.body.work)
            left += Int(answer.body.pagesLeft)
            next += answer.body.pagesDone
        }
        return left
    }
}
