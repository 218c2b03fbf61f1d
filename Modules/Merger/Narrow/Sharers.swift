import PageChecksum
import PageMemory
import PageTree

// `minimum_sharers`: a content is merged only when pages of so many address spaces hold it.

extension Merger {
    /// The address space of a page.
    func space(of page: UInt32) -> AddressSpaceID {
        spaces.areas[Int(table.owner[Int(page >> 6)])]!.area.space
    }

    /// Lets a page wait with its twin in the unstable tree, unless they have enough address spaces together.
    ///
    /// - Returns: Whether it waits.
    mutating func waits(_ page: UInt32, beside leader: UInt32) -> Bool {
        let (space, leaderSpace) = (space(of: page), space(of: leader))
        let count = waiting.spaceCount(of: leader, in: leaderSpace, with: space)
        guard count < Int(configuration.minimumSharers) else { return false }
        waiting.add(page, of: space, to: leader, in: leaderSpace)
        table.setLink(PageLink(.unstable, scanNumber), of: page)
        return true
    }

    /// Lets the others of a group join its new node, which its leader and the page that came last are in.
    ///
    /// A page of each address space joins, and of the rest as many as the plan has room for; the others find the node
    /// in the stable tree at the next scan.
    mutating func joinGroup(
        _ node: UInt32, of leader: UInt32, _ page: UInt32, _ digest: PageDigest, in plan: inout MergePlan
    ) {
        var seen: Set<AddressSpaceID> = [space(of: leader), space(of: page)]
        var rest: [UInt32] = []
        for member in waiting.take(leader) {
            if seen.insert(space(of: member)).inserted {
                join(node, member, digest, in: &plan)
            } else {
                rest.append(member)
            }
        }
        let room = min(max(0, mostSites - plan.sites.count), nodes.room(of: node) - nodes.pages(of: node))
        for member in rest.dropFirst(room) { table.setLink(PageLink(.settled), of: member) }
        // Side by side, so that rows are as long as each program needs them.
        for member in rest.prefix(room).sorted(by: { address(of: $0) < address(of: $1) }) {
            join(node, member, digest, in: &plan)
        }
    }

    /// Sites from which on a plan gets no more pages than a founding needs.
    var mostSites: Int { 2 * (configuration.batchPages + Int(PageTable.chunkPages)) }

    /// The address spaces that share each of the nodes that the plan has founded, by place of their group.
    func sharers(of outcome: MergeOutcome) -> [UInt32: Set<AddressSpaceID>] {
        var sharers: [UInt32: Set<AddressSpaceID>] = [:]
        for (place, page) in batch.sites.enumerated() where outcome.sites[place] == .merged {
            sharers[batch.groups[place], default: []].insert(space(of: page))
        }
        return sharers
    }

    /// Un-shares the pages of a node that should not be shared: the next request. Nobody joins it meanwhile, and what
    /// cannot be un-shared now is tried again after each full scan.
    ///
    /// - Parameter pages: All pages that may map its frames.
    mutating func close(_ node: UInt32, among pages: some Sequence<UInt32>) {
        nodes[node].isClosed = true
        for page in pages {
            let link = table.link(page)
            if link.state == .stable, link.payload == node { batch.lonely.append(page) }
        }
    }

    /// Tries again to un-share what should not be shared.
    mutating func retryClosedNodes() {
        for page in stubborn {
            let link = table.link(page)
            if link.state == .stable, nodes[link.payload].isClosed { batch.lonely.append(page) }
        }
        stubborn.removeAll()
    }

    /// Sets `minimum_sharers`. What is merged already stays so.
    mutating func setMinimumSharers(_ count: UInt8) {
        guard count != configuration.minimumSharers else { return }
        configuration.minimumSharers = count
        setSharingLimit()
        emptyUnstableTree()
    }
}
