import PageMemory
import PageTree

/// The nodes of a content that has several, because no more than `max_page_sharing` pages may share a frame.
///
/// One element stands in the stable tree for all of them: the node that was there first. When its pages leave, its number
/// stays there without them, as an anchor, so that nothing has to be sorted anew.
struct StableChain {
    /// The number in the stable tree.
    var element: UInt32
    /// Its nodes: first those with room.
    var nodes: [UInt32]
    /// How many have room.
    var open = 0
    /// When it was last gone through for the fullest node with room, in nanoseconds.
    var walked: UInt64
    /// The place where the frame of an inherited page was last found.
    var latestHolder = 0
}

extension StableNodes {
    /// Hangs a node that stands nowhere yet behind the one that stands in the tree for the same content.
    ///
    /// - Complexity: O(1)
    mutating func chain(_ node: UInt32, behind element: UInt32, at nanoseconds: UInt64) {
        if nodes[Int(element)].chain == StableNodes.noChain {
            let chain = StableChain(element: element, nodes: [], walked: nanoseconds)
            let number: UInt32
            if let free = freeChains.popLast() {
                chains[Int(free)] = chain
                number = free
            } else {
                chains.append(chain)
                number = UInt32(chains.count - 1)
            }
            append(element, to: number)
        }
        let chain = nodes[Int(element)].chain
        append(node, to: chain)
        let count = chains[Int(chain)].nodes.count
        if count == 2 { chainCount += 1 }
        if count >= 2 { duplicateCount += count == 2 ? 2 : 1 }
    }

    private mutating func append(_ node: UInt32, to chain: UInt32) {
        nodes[Int(node)].chain = chain
        nodes[Int(node)].placeInChain = UInt32(chains[Int(chain)].nodes.count)
        chains[Int(chain)].nodes.append(node)
        noteRoom(of: node)
    }

    /// A node for a page of the content that `element` stands for; `nil` if all are full.
    ///
    /// Usually the first with room. When `pruneNanoseconds` have passed since it was last done, the fullest of them, so that
    /// others empty; it is the first from then on. The kernel goes through its chains for nodes whose pages have all
    /// left, too; here these leave at once.
    ///
    /// - Parameter frame: The frame that the page maps already, since a fork: its node takes the page, full or not.
    /// - Complexity: O(1), at times O(n) in the nodes with room, and in all nodes for an inherited page.
    mutating func choose(
        from element: UInt32, mapping frame: Frame?, at nanoseconds: UInt64, pruneNanoseconds: UInt64
    ) -> UInt32? {
        let number = nodes[Int(element)].chain
        guard number != StableNodes.noChain else {
            if hasRoom(element) { return element }
            return frame.map(nodes[Int(element)].holds) == true ? element : nil
        }
        if let frame, let holder = holder(of: frame, in: number) { return holder }
        let open = chains[Int(number)].open
        guard open > 0 else { return nil }
        if open > 1, nanoseconds &- chains[Int(number)].walked >= pruneNanoseconds {
            chains[Int(number)].walked = nanoseconds
            exchange(0, fullest(of: open, in: number), in: number)
        }
        return chains[Int(number)].nodes[0]
    }

    /// The place of the fullest of the first nodes of a chain.
    private func fullest(of count: Int, in chain: UInt32) -> Int {
        let members = chains[Int(chain)].nodes
        var (place, most) = (0, 0)
        for candidate in 0..<count where pages(of: members[candidate]) > most {
            (place, most) = (candidate, pages(of: members[candidate]))
        }
        return place
    }

    private mutating func holder(of frame: Frame, in chain: UInt32) -> UInt32? {
        let members = chains[Int(chain)].nodes
        let latest = chains[Int(chain)].latestHolder
        if latest < members.count, nodes[Int(members[latest])].holds(frame) { return members[latest] }
        guard let place = members.firstIndex(where: { nodes[Int($0)].holds(frame) }) else { return nil }
        chains[Int(chain)].latestHolder = place
        return members[place]
    }

    /// Takes a node that has no pages any more out of its chain and out of the tree, and forgets it.
    mutating func removeEmpty(_ node: UInt32, from tree: inout any PageTree) {
        let number = nodes[Int(node)].chain
        guard number != StableNodes.noChain else {
            if nodes[Int(node)].isInTree { remove(node, from: &tree) }
            return dispose(node)
        }
        leaveChain(node, number)
        let element = chains[Int(number)].element
        let rest = chains[Int(number)].nodes
        if node != element { dispose(node) }
        if rest.isEmpty {
            remove(element, from: &tree)
            dispose(element)
            freeChains.append(number)
        } else if node == element {
            let tree = nodes[Int(element)].tree
            nodes[Int(element)] = StableNode()
            nodes[Int(element)].tree = tree
            nodes[Int(element)].isAnchor = true
            nodes[Int(element)].isInTree = true
            nodes[Int(element)].chain = number
        } else if rest == [element] {
            nodes[Int(element)].chain = StableNodes.noChain
            chains[Int(number)] = StableChain(element: 0, nodes: [], walked: 0)
            freeChains.append(number)
        }
    }

    private mutating func leaveChain(_ node: UInt32, _ number: UInt32) {
        let chain = Int(number)
        if nodes[Int(node)].placeInChain < chains[chain].open {
            exchange(Int(nodes[Int(node)].placeInChain), chains[chain].open - 1, in: number)
            chains[chain].open -= 1
        }
        exchange(Int(nodes[Int(node)].placeInChain), chains[chain].nodes.count - 1, in: number)
        chains[chain].nodes.removeLast()
        let count = chains[chain].nodes.count
        if count == 1 { chainCount -= 1 }
        if count >= 1 { duplicateCount -= count == 1 ? 2 : 1 }
    }

    /// Puts a node of a chain among those with room, or among the others.
    mutating func noteRoom(of node: UInt32) {
        let number = nodes[Int(node)].chain
        guard number != StableNodes.noChain, !nodes[Int(node)].isAnchor else { return }
        let place = Int(nodes[Int(node)].placeInChain)
        let open = chains[Int(number)].open
        switch (hasRoom(node), place < open) {
        case (true, false):
            exchange(place, open, in: number)
            chains[Int(number)].open += 1
        case (false, true):
            exchange(place, open - 1, in: number)
            chains[Int(number)].open -= 1
        default: break
        }
    }

    private mutating func exchange(_ first: Int, _ second: Int, in chain: UInt32) {
        guard first != second else { return }
        chains[Int(chain)].nodes.swapAt(first, second)
        nodes[Int(chains[Int(chain)].nodes[first])].placeInChain = UInt32(first)
        nodes[Int(chains[Int(chain)].nodes[second])].placeInChain = UInt32(second)
    }
}
