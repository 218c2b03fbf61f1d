import PageChecksum
import PageMemory
import PageTree

/// A content that merged pages share (a stable node in the kernel).
struct StableNode {
    /// The frames that pages joining now are mapped to; without meaning while ``founder`` is set.
    var row = FrameRow(first: Frame(rawValue: 0), count: 1)
    /// Shorter rows of the same content that earlier pages map.
    var olderRows: [FrameRow] = []
    /// Pages that map one of its frames.
    var sites: UInt32 = 0
    /// The page that stands for the content until frames exist.
    var founder: PageAddress?
    /// Whether it stands in the stable tree, or has frames and waits for a reader to find its place there.
    var isInTree = false
    var waitsForPlace = false
    /// Whether its pages are to be un-shared because too few programs share it; nobody joins it then.
    var isClosed = false
    /// The place of the node's group in the plan under way.
    var group: UInt32?
    /// The address space that joined last, and how many of its pages joined: decides on the length of the row.
    var latestSpace: AddressSpaceID?
    var pagesOfLatestSpace: UInt32 = 0

    var frameCount: Int { olderRows.reduce(Int(row.count)) { $0 + Int($1.count) } }
}

/// All stable nodes, by number; the stable tree knows them by it.
struct StableNodes {
    private(set) var digests: [PageDigest] = []
    private var nodes: [StableNode] = []
    private var free: [UInt32] = []

    subscript(_ node: UInt32) -> StableNode {
        get { nodes[Int(node)] }
        _modify { yield &nodes[Int(node)] }
    }

    /// A new node for a content seen in `founder`.
    mutating func make(digest: PageDigest, founder: PageAddress) -> UInt32 {
        var node = StableNode()
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
        return .frame(nodes[Int(node)].row.first)
    }
}
