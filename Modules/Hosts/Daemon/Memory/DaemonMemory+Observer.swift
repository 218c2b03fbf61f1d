package import PageMemory
import Wire

extension DaemonMemory: PageObserver {
    /// Agents report changes only.
    package var tracksChanges: Bool { true }

    /// ESRCH.
    private static var noSuchArea: UInt32 { 3 }

    /// Reports pages that changed or vanished (see ``PageObserver``). An area whose client is gone is unknown.
    package func observe(
        _ area: AreaID, pages: Range<UInt32>, into runs: inout [ObservedRun]
    ) throws(PageMemoryError) {
        runs.removeAll(keepingCapacity: true)
        cache.clear()
        guard let record = record(of: area), let connection = connection(record.slot) else {
            throw .noSuchArea(area)
        }
        let range = pages.clamped(to: 0..<record.pageCount)
        takeUnsure(area, range, on: connection, into: &runs)
        let signsNews = connection.hello.flags & WireHello.signsNews != 0
        let faults = signsNews && wakeUp != 0 ? connection.faults(at: wakeUp) : nil
        let disturbances = connection.disturbances
        let isQuiet = {
            record.watch.isQuiet(
                record.pageCount, faults: faults, now: self.wakeUpTime, disturbances: disturbances)
        }
        if isQuiet() { return }
        if let faults, findQuiet(from: area, on: connection, faults: faults), isQuiet() { return }
        var nextTick: UInt16 = 0
        var isComplete = false
        defer {
            if isComplete {
                record.watch.noteObserved(
                    range, faults: faults, now: wakeUpTime, next: UInt64(nextTick) << 27,
                    disturbances: disturbances)
            } else {
                record.watch.forget()
            }
        }
        var next = range.lowerBound
        // An agent that goes on by a page at a time is not followed to the end.
        var requests = 16 + range.count / 512
        while next < range.upperBound, requests > 0 {
            requests -= 1
            let rest = next..<range.upperBound
            guard let answer = observe(rest, of: record.wire, on: connection, into: &runs) else {
                // Of a process that was stopped meanwhile all this is told when it goes on.
                if isParked(area) { unsure[area, default: []].append(contentsOf: runs) }
                runs.removeAll(keepingCapacity: true)
                throw .noSuchArea(area)
            }
            counted.agentSystemCalls &+= UInt64(answer.systemCalls)
            next += answer.pagesDone
            if signsNews {
                cpuOfAgents &+= connection.noteCPU(microseconds: answer.cpuMicroseconds)
                // What was left out of one answer is in the next.
                nextTick = answer.nextTick
            }
            guard answer.error != 0 else { continue }
            // What was reported so far counts as observed and must be looked at; the rest is looked at next time.
            guard runs.isEmpty else { return }
            if answer.error == DaemonMemory.noSuchArea { throw .noSuchArea(area) }
            throw .system(call: "PAGEMAP_SCAN", code: Int32(truncatingIfNeeded: answer.error))
        }
        isComplete = next == range.upperBound
    }

    /// One request; `nil` when the connection is dead.
    private func observe(
        _ range: Range<UInt32>, of area: UInt32, on connection: AgentConnection, into runs: inout [ObservedRun]
    ) -> WireObserved? {
        connection.beginRequest(.observe)
        connection.append(
            WireRange(
                area: area, start: range.lowerBound, count: UInt32(range.count), capacity: UInt32(WireLimit.runs)))
        guard connection.post(.observe, area: area),
            let answer = connection.collect(WireObserved.self, entries: 0...WireLimit.runs, of: WireRun.self)
        else { return nil }
        guard answer.body.pagesDone <= UInt32(range.count), answer.body.pagesDone > 0 || answer.body.error != 0 else {
            connection.fail("observed \(answer.body.pagesDone) of \(range.count) pages")
            return nil
        }
        let end = range.lowerBound + answer.body.pagesDone
        var next = range.lowerBound
        for _ in 0..<answer.entries {
            guard let run = connection.takeEntry(WireRun.self), let state = run.state, run.count >= 1,
                run.start >= next,
                run.start < end, run.count <= end - run.start
            else {
                connection.fail("reported pages out of order or out of range")
                return nil
            }
            next = run.start + run.count
            append(ObservedRun(start: run.start, count: run.count, state: ObservedRun.State(state)), to: &runs)
        }
        return answer.body
    }

    /// What is known of pages without asking, because their process was stopped when it was asked last.
    private func takeUnsure(
        _ area: AreaID, _ pages: Range<UInt32>, on connection: AgentConnection, into runs: inout [ObservedRun]
    ) {
        takeLateRuns(of: connection)
        guard let known = unsure.removeValue(forKey: area) else { return }
        var later: [ObservedRun] = []
        for run in known {
            let end = run.start.addingReportingOverflow(run.count)
            guard !end.overflow, run.start < end.partialValue else { continue }
            let part = (run.start..<end.partialValue).clamped(to: pages)
            if !part.isEmpty {
                runs.append(ObservedRun(start: part.lowerBound, count: UInt32(part.count), state: run.state))
            }
            if run.start < part.lowerBound || end.partialValue > part.upperBound || part.isEmpty { later.append(run) }
        }
        if !later.isEmpty { unsure[area] = later }
    }

    private func takeLateRuns(of connection: AgentConnection) {
        for (number, run) in connection.lateRuns {
            guard let area = connection.areas[number], let state = run.state else { continue }
            unsure[area, default: []].append(
                ObservedRun(start: run.start, count: run.count, state: ObservedRun.State(state)))
        }
        connection.lateRuns.removeAll()
    }

    /// What was to be said of pages that have merged since is out of date: they are as they were merged.
    func forgetUnsure(of plan: MergePlan, _ outcome: MergeOutcome) {
        for connection in connections { if let connection { takeLateRuns(of: connection) } }
        guard !unsure.isEmpty else { return }
        var merged: [AreaID: [UInt32]] = [:]
        for (place, site) in plan.sites.enumerated() where outcome.sites[place] == .merged {
            guard unsure[site.page.area] != nil else { continue }
            merged[site.page.area, default: []].append(site.page.index)
        }
        for (area, pages) in merged { leaveOut(pages.sorted(), of: area) }
    }

    /// Takes pages out of what is to be said of an area.
    private func leaveOut(_ pages: [UInt32], of area: AreaID) {
        var left: [ObservedRun] = []
        for run in unsure[area] ?? [] {
            var start = run.start
            let end = run.start.addingReportingOverflow(run.count)
            guard !end.overflow else { continue }
            for page in pages where start <= page && page < end.partialValue {
                if start < page { left.append(ObservedRun(start: start, count: page - start, state: run.state)) }
                start = page + 1
            }
            if start < end.partialValue {
                left.append(ObservedRun(start: start, count: end.partialValue - start, state: run.state))
            }
        }
        unsure[area] = left.isEmpty ? nil : left
    }

    private func append(_ run: ObservedRun, to runs: inout [ObservedRun]) {
        if let last = runs.last, last.state == run.state, last.start + last.count == run.start {
            runs[runs.count - 1].count += run.count
        } else {
            runs.append(run)
        }
    }

    /// Lets the next observation report every page with content of its own as changed.
    package func forgetObservations(of area: AreaID) {
        guard let record = record(of: area), let connection = connection(record.slot) else { return }
        connection.beginRequest(.forget)
        connection.append(WireRange(area: record.wire))
        if connection.post(.forget) { _ = connection.collectNothing() }
    }
}

extension ObservedRun.State {
    init(_ state: WireRun.State) {
        self =
            switch state {
            case .changed: .changed
            case .absent: .absent
            case .discarded: .discarded
            case .hot: .hot
            }
    }
}
