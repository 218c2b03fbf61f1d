public import PageMemory

extension Merger {
    /// The answer to ``MergerRequest/merge(_:)``: records what became of each page.
    ///
    /// A node of two pages of which only one was merged is dissolved again: its page is un-shared by the next request. So
    /// are all pages of one that fewer programs share than `minimum_sharers`.
    public mutating func merged(_ outcome: MergeOutcome) {
        precondition(stage == .merging, "no merge was asked for")
        precondition(
            outcome.sites.count == batch.sites.count && outcome.rows.count == batch.groupNodes.count,
            "one answer for each site and each group is needed")
        stage = .resting
        let hadFrames = batch.groupNodes.map { $0.map { nodes[$0].founder == nil } ?? true }
        for (place, node) in batch.groupNodes.enumerated() {
            guard let node else { continue }
            nodes[node].group = nil
            guard let row = outcome.rows[place] else { continue }
            if nodes.setRow(row, of: node) { wakeLeftovers(of: node) }
            tally.frames += Int(row.count)
        }
        let levels = levelsOfRefused(outcome)
        for (place, page) in batch.sites.enumerated() {
            let group = Int(batch.groups[place])
            record(outcome.sites[place], page, node: batch.groupNodes[group], level: levels[group])
        }
        let needsSharers = configuration.minimumSharers > 1
        let sharers = needsSharers ? sharers(of: outcome) : [:]
        for (place, node) in batch.groupNodes.enumerated() where !hadFrames[place] {
            guard let node else { continue }
            if nodes[node].sites == 0 {
                dissolve(node)
            } else if needsSharers, sharers[UInt32(place)]!.count < Int(configuration.minimumSharers) {
                close(node, among: batch.sites)
            } else {
                nodes[node].waitsForPlace = true
                batch.nodesToPlace.append(node)
                if nodes[node].sites == 1 { markLonely(node) }
            }
        }
        let makesDuplicates = batch.makesDuplicates
        batch.clear()
        // KSM's first version looks at once whether the content of a new node is in the stable tree already.
        let placesAtOnce = configuration.dialect == .first && !batch.nodesToPlace.isEmpty
        batch.isMatchPending = !batch.candidates.isEmpty || makesDuplicates || placesAtOnce
    }

    /// The highest level among the pages of each group for which there were no map entries: they are tried again together, or
    /// one would wait in the unstable tree for the other.
    private func levelsOfRefused(_ outcome: MergeOutcome) -> [UInt32] {
        var levels = [UInt32](repeating: 0, count: batch.groupNodes.count)
        for (place, page) in batch.sites.enumerated() where outcome.sites[place] == .mapLimit {
            let group = Int(batch.groups[place])
            levels[group] = max(levels[group], table.link(page).busyLevel)
        }
        return levels
    }

    private mutating func record(_ outcome: SiteOutcome, _ page: UInt32, node: UInt32?, level: UInt32) {
        if let node, nodes.planEnded(node, isMerged: outcome == .merged) { wakeLeftovers(of: node) }
        guard outcome != .merged else {
            tally.merged += 1
            if let node {
                table.setLink(PageLink(.stable, node), of: page)
            } else {
                table.setLink(PageLink(.zeroed), of: page)
            }
            return
        }
        tally.notMerged[Int(outcome.rawValue)] += 1
        switch outcome {
        case .merged, .changed:
            // What is known of it may be out of date, also where the memory does not report it again.
            table.setLink(PageLink(.fresh, FreshMarks.hasDigest.rawValue), of: page)
        case .gone:
            table.setLink(.absent, of: page)
        case .busy:
            let level = table.link(page).busyLevel
            table.setLink(.busy(level: level, in: scanNumber, most: configuration.mostScansBusy), of: page)
        case .mapLimit:
            // Soon, because map entries first go to runs that are longer.
            table.setLink(.busy(level: level, in: scanNumber, most: configuration.scansUntilRetry), of: page)
        case .outOfMemory, .unsupported:
            table.setLink(.refused(until: scanNumber &+ configuration.scansUntilRetry), of: page)
        }
    }

    /// Finds the one page that maps the frame of a node, among the sites of the plan.
    private mutating func markLonely(_ node: UInt32) {
        for page in batch.sites {
            let link = table.link(page)
            if link.state == .stable, link.payload == node {
                batch.lonely.append(page)
                return
            }
        }
    }
}
