import PageMemory
import PageTree

// `merge_across_nodes`: with 0 there is a stable and an unstable tree for each NUMA node, and pages of different nodes never
// share a frame.

extension Merger {
    /// The number of the trees that a page is looked up in: its NUMA node, while nodes are kept apart.
    func treeNumber(of page: PageAddress, _ reader: some PageReader) -> Int {
        stableTrees.count == 1 ? 0 : min(Int(reader.node(of: page)), stableTrees.count - 1)
    }

    /// Takes a page out of the unstable tree that it was put into.
    mutating func removeFromUnstableTree(_ page: UInt32) {
        table.remove(page, from: &unstableTrees[table.tree(of: page)])
    }

    mutating func removeAllFromUnstableTrees() {
        for tree in unstableTrees.indices { unstableTrees[tree].removeAll() }
    }

    /// Makes as many trees of each kind as `merge_across_nodes` asks for; those that there are must be empty.
    mutating func makeTrees() {
        let count = configuration.mergesAcrossNodes ? 1 : max(1, nodeCount)
        let (stable, unstable) = (stableTrees[0], unstableTrees[0])
        stableTrees = Array(repeating: stable, count: count)
        unstableTrees = Array(repeating: unstable, count: count)
        if count > 1 { table.keepTrees() } else { table.forgetTrees() }
    }
}
