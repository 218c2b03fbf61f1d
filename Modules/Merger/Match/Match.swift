import PageChecksum
public import PageMemory
import PageTree

extension Merger {
    /// The answer to ``MergerRequest/match``: looks the candidates of the batch up in the stable tree, then in the
    /// unstable tree, and makes a plan of the matches.
    ///
    /// Pages of one batch meet each other: a match of two pages makes a stable node at once, which later pages join.
    ///
    /// - Parameter reader: Used during the call only, to compare contents.
    /// - Complexity: For keyed indexes one comparison for each match, and for each false match of the checksum.
    public mutating func match(with reader: some PageReader) {
        precondition(stage == .matching, "no match was asked for")
        stage = .resting
        placeNodes(with: reader)
        var plan = MergePlan()
        var done = 0
        while done < batch.candidates.count, plan.sites.count < mostSites {
            let page = batch.candidates[done]
            if table.link(page).state == .settled { match(page, with: reader, into: &plan) }
            done += 1
        }
        batch.candidates.removeFirst(done)
        guard !plan.sites.isEmpty else { return }
        lengthenRows(of: &plan)
        tally.planned += UInt64(plan.sites.count)
        batch.plan = plan
    }

    private mutating func match(_ page: UInt32, with reader: some PageReader, into plan: inout MergePlan) {
        let digest = table.digests[Int(page)]
        let address = address(of: page)
        let content = PageContent.page(address)
        let isVolatile = !batch.volatile.isEmpty && batch.volatile.contains(page)
        let isInherited = !batch.inherited.isEmpty && batch.inherited.contains(page)
        var comparisons: UInt64 = 0
        defer { tally.comparisons += comparisons }
        if givesZerosBack, digest == zeroDigest {
            comparisons += 1
            switch reader.compare(content, .zeros) {
            case .same:
                planZeros(page, in: &plan)
                return
            case .gone:
                return
            case .before, .after:
                // Another content with the checksum of zeros: it finds its own twins.
                break
            }
        }
        if configuration.mergeOnly == .zeros { return }
        var isLeftOver = false
        let tree = treeNumber(of: address, reader)
        switch Merger.find(content, digest, in: &stableTrees[tree], of: nodes, with: reader, counting: &comparisons) {
        case .found(let element):
            let node = nodes.choose(
                from: element, mapping: isInherited ? reader.frame(of: address) : nil, at: ages.nanoseconds,
                pruneNanoseconds: UInt64(configuration.pruneMilliseconds) * 1_000_000)
            if let node {
                join(node, page, digest, in: &plan)
                return
            }
            isLeftOver = true
        case .gone:
            return
        case .absent:
            break
        }
        switch findPending(digest, content, tree, with: reader, counting: &comparisons) {
        case .found(let node):
            join(node, page, digest, in: &plan)
            return
        case .full: isLeftOver = true
        case .absent: break
        }
        // The frame that an inherited page maps is nobody's any more; the page waits until it changes.
        if isVolatile || isInherited { return }
        switch Merger.find(
            content, digest, in: &unstableTrees[tree], of: spaces, table, with: reader, counting: &comparisons)
        {
        case .found(let other):
            if reader.isSamePhysicalPage(address, self.address(of: other)) { return }
            let needsGroup = configuration.minimumSharers > 1
            if needsGroup, waits(page, beside: other) { return }
            // Both stay as they are, and the one in the tree stays there, as in the kernel of 2009.
            guard mayMakeFrames(1) else { return }
            batch.framesToMake += 1
            if isLeftOver { batch.makesDuplicates = true }
            removeFromUnstableTree(other)
            let node = nodes.make(digest: digest, founder: self.address(of: other), tree: UInt8(tree))
            batch.pendingNodes[digest, default: []].append(node)
            join(node, other, digest, in: &plan)
            join(node, page, digest, in: &plan)
            if needsGroup {
                joinGroup(node, of: other, page, digest, in: &plan)
            } else {
                joinOthers(node, content, digest, with: reader, counting: &comparisons, in: &plan)
            }
        case .absent:
            table.insert(page, into: &unstableTrees[tree], number: UInt8(tree))
            table.setLink(PageLink(.unstable, scanNumber), of: page)
            if isLeftOver, keepsUnstableTree { leftovers.add(page, digest) }
        case .gone:
            break
        }
    }

    private enum PendingNode {
        case found(UInt32)
        /// There are nodes, perhaps of the content, and none has room.
        case full
        case absent
    }

    /// Looks among the nodes that this batch has made.
    ///
    /// They stand beside the stable tree until they have frames: their founders may still change, and the order of the
    /// stable tree must never break.
    private func findPending(
        _ digest: PageDigest, _ content: PageContent, _ tree: Int, with reader: some PageReader,
        counting comparisons: inout UInt64
    ) -> PendingNode {
        guard let pending = batch.pendingNodes[digest] else { return .absent }
        var anyFull = false
        for node in pending where nodes[node].tree == tree {
            guard nodes.hasRoom(node) else {
                anyFull = true
                continue
            }
            comparisons += 1
            if reader.compare(content, nodes.content(of: node)) == .same { return .found(node) }
        }
        return anyFull ? .full : .absent
    }

    /// Lets pages join that stand in the unstable tree beside their twin: one of the two was different when the other was
    /// looked up. A tree that is thrown away after each scan needs no such care.
    private mutating func joinOthers(
        _ node: UInt32, _ content: PageContent, _ digest: PageDigest, with reader: some PageReader,
        counting comparisons: inout UInt64, in plan: inout MergePlan
    ) {
        guard keepsUnstableTree else { return }
        while nodes.hasRoom(node),
            case .found(let other) = Merger.find(
                content, digest, in: &unstableTrees[Int(nodes[node].tree)], of: spaces, table, with: reader,
                counting: &comparisons)
        {
            removeFromUnstableTree(other)
            join(node, other, digest, in: &plan)
        }
    }

    /// Puts nodes that have frames since the last batch into the stable tree.
    private mutating func placeNodes(with reader: some PageReader) {
        var waiting: [UInt32] = []
        var comparisons: UInt64 = 0
        for node in batch.nodesToPlace where nodes[node].waitsForPlace {
            let content = nodes.content(of: node)
            switch Merger.find(
                content, nodes.digests[Int(node)], in: &stableTrees[Int(nodes[node].tree)], of: nodes, with: reader,
                counting: &comparisons)
            {
            case .absent:
                nodes.insert(node, into: &stableTrees[Int(nodes[node].tree)])
                nodes[node].isInTree = true
                nodes[node].waitsForPlace = false
            case .found(let element):
                nodes[node].waitsForPlace = false
                if configuration.dialect == .linux {
                    nodes.chain(node, behind: element, at: ages.nanoseconds)
                } else {
                    // The content is there already. Any page may have joined since, and it happens seldom.
                    close(node, among: 0..<UInt32(table.owner.count) << 6)
                }
            case .gone:
                waiting.append(node)
            }
        }
        tally.comparisons += comparisons
        batch.nodesToPlace = waiting
    }

    /// Searches the stable tree. What the search reads are arguments, so that nothing is copied or retained.
    private static func find(
        _ content: PageContent, _ digest: PageDigest, in tree: inout any PageTree, of nodes: StableNodes,
        with reader: some PageReader, counting comparisons: inout UInt64
    ) -> SearchResult {
        tree.search(digest, in: nodes.digests.span) { node in
            comparisons += 1
            return reader.compare(content, nodes.content(of: node))
        }
    }

    /// Searches the unstable tree.
    private static func find(
        _ content: PageContent, _ digest: PageDigest, in tree: inout any PageTree, of spaces: Spaces,
        _ table: PageTable, with reader: some PageReader, counting comparisons: inout UInt64
    ) -> SearchResult {
        tree.search(digest, in: table.digests.span) { page in
            comparisons += 1
            return reader.compare(content, .page(spaces.address(of: page, in: table)))
        }
    }

    /// Adds a page to the group of a stable node.
    mutating func join(_ node: UInt32, _ page: UInt32, _ digest: PageDigest, in plan: inout MergePlan) {
        let address = address(of: page)
        let space = space(of: page)
        let group: UInt32
        if let known = nodes[node].group {
            group = known
        } else {
            group = UInt32(plan.groups.count)
            let source: MergeSource =
                if let founder = nodes[node].founder { .page(founder) } else { .row(nodes[node].row) }
            plan.groups.append(MergeGroup(source: source, digest: digest, rowLength: 1))
            batch.groupNodes.append(node)
            nodes[node].group = group
        }
        if nodes[node].latestSpace != space {
            nodes[node].latestSpace = space
            nodes[node].pagesOfLatestSpace = 0
        }
        nodes[node].pagesOfLatestSpace &+= 1
        nodes.plan(node)
        add(page, at: address, to: group, of: &plan)
    }

    private mutating func planZeros(_ page: UInt32, in plan: inout MergePlan) {
        if batch.zeroGroup == nil {
            batch.zeroGroup = UInt32(plan.groups.count)
            plan.groups.append(MergeGroup(source: .zeros, digest: zeroDigest, rowLength: 1))
            batch.groupNodes.append(nil)
        }
        add(page, at: address(of: page), to: batch.zeroGroup!, of: &plan)
    }

    private mutating func add(_ page: UInt32, at address: PageAddress, to group: UInt32, of plan: inout MergePlan) {
        plan.sites.append(MergeSite(page: address, group: group))
        batch.sites.append(page)
        batch.groups.append(group)
        table.setLink(PageLink(.planned, table.link(page).busyLevel), of: page)
    }

    /// Whether so many frames more stay within `max_kernel_pages`.
    private func mayMakeFrames(_ count: UInt64) -> Bool {
        let limit = configuration.maxKernelPages
        let made = UInt64(tally.frames) + batch.framesToMake
        return limit == 0 || made < limit && count <= limit - made
    }

    /// Gives contents that one address space needs often a row of frames: one frame for every 16 pages that joined, up
    /// to `row_length`, so that rows cost at most an eighth of what they merge.
    private mutating func lengthenRows(of plan: inout MergePlan) {
        var joiners = [UInt32](repeating: 0, count: plan.groups.count)
        for site in plan.sites { joiners[Int(site.group)] += 1 }
        for (place, node) in batch.groupNodes.enumerated() {
            guard let node else { continue }
            // Pages that have left since do not count.
            let pages = min(nodes[node].pagesOfLatestSpace, nodes[node].sites + joiners[place])
            nodes[node].pagesOfLatestSpace = pages
            let wanted = min(pages / 16, configuration.rowLength)
            guard wanted >= 2 else { continue }
            let length = UInt32(1) << UInt32(31 - wanted.leadingZeroBitCount)
            guard mayMakeFrames(UInt64(length)) else { continue }
            if nodes[node].founder != nil {
                plan.groups[place].rowLength = length
                batch.framesToMake += UInt64(length) - 1
            } else if length > nodes[node].row.count {
                plan.groups[place].source = .copy(nodes[node].row.first)
                plan.groups[place].rowLength = length
                batch.framesToMake += UInt64(length)
            }
        }
    }
}
