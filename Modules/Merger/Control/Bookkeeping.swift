public import PageMemory
import PageTree

/// The merger's own books, counted again.
extension Merger {
    /// What the merger's books got wrong: pages by state, sites and frames of stable nodes, chains, both kinds of trees, and
    /// the order of the stable ones. Empty, or a mistake of this module or of a plug-in.
    ///
    /// - Parameter reader: Reads what is shared; a search for each shared content must find it.
    /// - Precondition: Nothing is left to be done: ``hasUnfinishedBusiness`` is false.
    /// - Complexity: O(n log n) in the pages and the shared contents
    public func bookkeepingViolations(reading reader: some PageReader) -> [String] {
        precondition(stage == .resting && !hasUnfinishedBusiness, "something is under way")
        var pages = PageRecount()
        for page in 0..<UInt32(table.owner.count) << 6 { count(page, in: &pages) }
        if pages.states != table.census {
            pages.found.append("states \(table.census) are counted, not \(pages.states)")
        }
        return pages.found + nodeViolations(sites: pages.sites) + unstableTreeViolations(holding: pages.unstable)
            + stableTreeViolations(with: reader)
    }

    private func count(_ page: UInt32, in recount: inout PageRecount) {
        let link = table.link(page)
        let chunk = Int(page >> 6)
        if link.state != .absent { recount.states[Int(link.state.rawValue)] += 1 }
        var (isPresent, isPending) = (true, false)
        switch link.state {
        case .absent, .zeroed: isPresent = false
        case .planned: recount.found.append("page \(page) is planned for ever")
        case .stable: recount.sites[link.payload, default: 0] += 1
        case .unstable: if keepsUnstableTree || link.payload == scanNumber { recount.unstable.insert(page) }
        case .fresh:
            isPending = !FreshMarks(rawValue: link.payload).contains(.isHot)
            if FreshMarks(rawValue: link.payload).contains(.inTree) { recount.unstable.insert(page) }
        case .settled, .refused: isPending = true
        }
        let bit: UInt64 = 1 << UInt64(page & 63)
        if (table.present[chunk] & bit != 0) != isPresent || (table.pending[chunk] & bit != 0) != isPending {
            recount.found.append("the masks of page \(page) do not say that it is \(link.state)")
        }
        if table.owner[chunk] == PageTable.noChunk, link.state != .absent {
            recount.found.append("page \(page) of no area is \(link.state)")
        }
    }

    private func nodeViolations(sites: [UInt32: UInt32]) -> [String] {
        var found: [String] = []
        var (frames, living) = (0, 0)
        for (number, node) in nodes.nodes.enumerated() {
            let counted = sites[UInt32(number)] ?? 0
            if node.sites != counted || node.planned != 0 {
                found.append("node \(number) counts \(node.sites) sites and \(node.planned) to come, not \(counted)")
            }
            if node.sites > 0 || node.isAnchor { living += 1 }
            guard node.sites > 0 else { continue }
            frames += node.frameCount
            if !node.isInTree, !node.waitsForPlace, !node.isClosed, node.chain == StableNodes.noChain {
                found.append("node \(number) is shared, and nobody finds it")
            }
        }
        if frames != tally.frames { found.append("\(tally.frames) frames are counted, not \(frames)") }
        if living != nodes.count { found.append("\(nodes.count) nodes live, of which \(living) are of use") }
        return found + chainViolations()
    }

    private func chainViolations() -> [String] {
        var found: [String] = []
        var (chains, duplicates) = (0, 0)
        for (number, chain) in nodes.chains.enumerated() where !chain.nodes.isEmpty {
            if chain.nodes.count > 1 {
                chains += 1
                duplicates += chain.nodes.count
            }
            if !nodes[chain.element].isInTree { found.append("chain \(number) does not stand in the tree") }
            for (place, node) in chain.nodes.enumerated() {
                let record = nodes[node]
                if record.chain != UInt32(number) || record.placeInChain != UInt32(place) {
                    found.append("node \(node) does not know its place in chain \(number)")
                }
                if nodes.hasRoom(node) != (place < chain.open) {
                    found.append("node \(node) is on the wrong side of chain \(number)")
                }
            }
        }
        if (chains, duplicates) != (nodes.chainCount, nodes.duplicateCount) {
            found.append(
                "\(nodes.chainCount) chains of \(nodes.duplicateCount) are counted, not \(chains) of \(duplicates)")
        }
        return found
    }

    private func unstableTreeViolations(holding pages: Set<UInt32>) -> [String] {
        var found: [String] = []
        var count = 0
        for (number, tree) in unstableTrees.enumerated() {
            if let violation = tree.invariantViolation(in: table.digests.span) {
                found.append("unstable tree \(number): \(violation)")
            }
            for page in tree.elements where !pages.contains(page) || table.tree(of: page) != number {
                found.append("unstable tree \(number) holds page \(page), which does not know of it")
            }
            count += tree.count
        }
        // Of pages that wait together for enough sharers one stands in the tree.
        if count + waiting.memberCount != pages.count {
            found.append("\(pages.count) pages are in unstable trees, which hold \(count)")
        }
        return found
    }

    private func stableTreeViolations(with reader: some PageReader) -> [String] {
        var found: [String] = []
        let nodes = nodes
        for (number, tree) in stableTrees.enumerated() {
            if let violation = tree.invariantViolation(in: nodes.digests.span) {
                found.append("stable tree \(number): \(violation)")
            }
            var tree = tree
            for node in tree.elements {
                if !nodes[node].isInTree || Int(nodes[node].tree) != number {
                    found.append("stable tree \(number) holds node \(node), which does not know of it")
                }
                let content = nodes.content(of: node)
                let result = tree.search(nodes.digests[Int(node)], in: nodes.digests.span) {
                    reader.compare(content, nodes.content(of: $0))
                }
                if result != .found(node) {
                    found.append("stable tree \(number) does not find node \(node): \(result)")
                }
            }
        }
        let count = stableTrees.reduce(0) { $0 + $1.count }
        let inside = nodes.nodes.count { $0.isInTree }
        if count != inside { found.append("stable trees hold \(count) nodes, \(inside) are marked so") }
        return found
    }
}

/// What the pages of a merger say of themselves.
private struct PageRecount {
    var states = [Int](repeating: 0, count: 8)
    /// Pages that share each node.
    var sites: [UInt32: UInt32] = [:]
    /// Pages in an unstable tree.
    var unstable: Set<UInt32> = []
    var found: [String] = []
}

extension PageTree {
    /// All elements, in the order of the index.
    fileprivate var elements: [UInt32] {
        var elements: [UInt32] = []
        forEach { elements.append($0) }
        return elements
    }
}
