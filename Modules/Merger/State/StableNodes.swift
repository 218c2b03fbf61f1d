import PageChecksum
import PageMemory
import PageTree

/// Frames of one content that merged pages share (a stable node in the kernel).
struct StableNode {
    /// The frames that pages joining now are mapped to; without meaning while ``founder`` is set.
    var row = FrameRow(first: Frame(rawValue: 0), count: 1)
    /// Shorter rows of the same content that earlier pages map.
    var olderRows: [FrameRow] = []
    /// Pages that map one of its frames.
    var sites: UInt32 = 0
    /// Further pages that join it in the plan under way.
    var planned: UInt32 = 0
    /// The page that stands for the content until frames exist.
    var founder: PageAddress?
    /// Whether it stands in the stable tree, or has frames and waits for a reader to find its place there.
    var isInTree = false
    var waitsForPlace = false
    /// Whether its pages are to be un-shared because too few programs share it; nobody joins it then.
    var isClosed = false
    /// Whether it only stands in the tree for the nodes of its chain: its own pages have left.
    var isAnchor = false
    /// The chain that it hangs in, and its place there; ``StableNodes/noChain`` for the only node of a content.
    var chain = StableNodes.noChain
    var placeInChain: UInt32 = 0
    /// The number of the stable tree that it belongs to.
    var tree: UInt8 = 0
    /// The place of the node's group in the plan under way.
    var group: UInt32?
    /// The address space that joined last, and how many of its pages joined: decides on the length of the row.
    var latestSpace: AddressSpaceID?
    var pagesOfLatestSpace: UInt32 = 0

    var frameCount: Int { olderRows.reduce(Int(row.count)) { $0 + Int($1.count) } }

    /// Whether a frame is one of its own.
    func holds(_ frame: Frame) -> Bool {
        founder == nil && !isAnchor && (row.contains(frame) || olderRows.contains { $0.contains(frame) })
    }
}

extension FrameRow {
    fileprivate func contains(_ frame: Frame) -> Bool {
        frame.rawValue >= first.rawValue && frame.rawValue - first.rawValue < count
    }
}

/// All stable nodes, by number; the stable tree knows them by it.
///
/// A content that more pages hold than may share a frame has several nodes, in a chain (``StableChain``).
struct StableNodes {
    static let noChain = UInt32.max

    private(set) var digests: [PageDigest] = []
    var nodes: [StableNode] = []
    var chains: [StableChain] = []
    var freeChains: [UInt32] = []
    /// Contents with several nodes, and all their nodes.
    var chainCount = 0
    var duplicateCount = 0
    /// Pages that may share a frame.
    private(set) var limit = UInt32.max
    private var free: [UInt32] = []

    subscript(_ node: UInt32) -> StableNode {
        get { nodes[Int(node)] }
        _modify { yield &nodes[Int(node)] }
    }

    /// How many there are, those without frames yet included.
    var count: Int { nodes.count - free.count }

    /// Whether there are none.
    var isEmpty: Bool { count == 0 }

    /// A new node for a content seen in `founder`.
    mutating func make(digest: PageDigest, founder: PageAddress, tree: UInt8) -> UInt32 {
        var node = StableNode()
        node.tree = tree
        node.founder = founder
        if let number = free.popLast() {
            nodes[Int(number)] = node
            digests[Int(number)] = digest
            return number
        }
        nodes.append(node)
        digests.append(digest)
        return UInt32(nodes.count - 1)
    }

    mutating func dispose(_ node: UInt32) {
        nodes[Int(node)] = StableNode()
        free.append(node)
    }

    func insert(_ node: UInt32, into tree: inout any PageTree) { tree.insert(node, in: digests.span) }

    func remove(_ node: UInt32, from tree: inout any PageTree) { tree.remove(node, in: digests.span) }

    /// What the node's content can be read from.
    func content(of node: UInt32) -> PageContent {
        if let founder = nodes[Int(node)].founder { return .page(founder) }
        if nodes[Int(node)].isAnchor {
            return content(of: chains[Int(nodes[Int(node)].chain)].nodes[0])
        }
        return .frame(nodes[Int(node)].row.first)
    }
}

// How many pages a node takes.
extension StableNodes {
    /// Whether one more page may join.
    ///
    /// A row of several frames takes as many pages as so many frames do; which of its frames a page maps depends on the
    /// place of the page alone.
    func hasRoom(_ node: UInt32) -> Bool {
        pages(of: node) < room(of: node)
    }

    func pages(of node: UInt32) -> Int { Int(nodes[Int(node)].sites) + Int(nodes[Int(node)].planned) }

    func room(of node: UInt32) -> Int { Int(limit) * Int(nodes[Int(node)].row.count) }

    /// Counts a page that is to join.
    mutating func plan(_ node: UInt32) {
        nodes[Int(node)].planned += 1
        noteRoom(of: node)
    }

    /// Counts what became of a page that was to join.
    ///
    /// - Returns: Whether the node was full, and has room now.
    mutating func planEnded(_ node: UInt32, isMerged: Bool) -> Bool {
        nodes[Int(node)].planned -= 1
        if isMerged {
            nodes[Int(node)].sites += 1
            return false
        }
        return noteLeaving(node)
    }

    /// Counts a page that has left.
    ///
    /// - Returns: Whether the node was full, and has room now.
    mutating func leave(_ node: UInt32) -> Bool {
        nodes[Int(node)].sites -= 1
        return noteLeaving(node)
    }

    /// Gives a node another row.
    ///
    /// - Returns: Whether the node was full, and has room now.
    mutating func setRow(_ row: FrameRow, of node: UInt32) -> Bool {
        let hadRoom = hasRoom(node)
        if nodes[Int(node)].founder == nil { nodes[Int(node)].olderRows.append(nodes[Int(node)].row) }
        nodes[Int(node)].row = row
        nodes[Int(node)].founder = nil
        noteRoom(of: node)
        return !hadRoom && hasRoom(node)
    }

    /// Sets how many pages may share a frame.
    ///
    /// - Complexity: O(n) in the nodes of chains.
    mutating func setLimit(_ limit: UInt32) {
        self.limit = limit
        for chain in chains { for node in chain.nodes { noteRoom(of: node) } }
    }

    private mutating func noteLeaving(_ node: UInt32) -> Bool {
        guard pages(of: node) + 1 == room(of: node) else { return false }
        noteRoom(of: node)
        return true
    }
}
