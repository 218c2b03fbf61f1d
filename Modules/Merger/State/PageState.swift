/// Where a page stands on its journey.
enum PageState: UInt32 {
    /// Nothing known: never seen, discarded, or forgotten.
    case absent = 0
    /// May have changed since its last checksum; a checksum is to be taken. Payload: ``FreshMarks``.
    case fresh
    /// Has a checksum; a candidate for matching if it is the same at the next scan.
    case settled
    /// In the unstable tree. Payload: the scan in which it was put there.
    case unstable
    /// A site of a stable node. Payload: the node.
    case stable
    /// Found to hold zeros only, and given back.
    case zeroed
    /// Could not be merged for a reason that lasts. Payload: the scan from which on it is tried again.
    case refused
    /// In the merge plan under way.
    case planned
}

/// What a fresh page still knows of its former life.
struct FreshMarks: OptionSet {
    let rawValue: UInt32

    /// Its digest is that of the previous scan, to be compared with the new one.
    static let hasDigest = FreshMarks(rawValue: 1)
    /// It is still in the unstable tree, under that digest.
    static let inTree = FreshMarks(rawValue: 2)
    /// The memory has reported a change.
    static let isReported = FreshMarks(rawValue: 4)
    /// It maps a frame since a fork.
    static let isInherited = FreshMarks(rawValue: 8)
    /// It is written often: nothing is done for it until the memory reports it as changed.
    static let isHot = FreshMarks(rawValue: 16)
}

/// State and payload of a page in 4 bytes: 3 bits and 29 bits.
struct PageLink {
    var bits: UInt32

    /// The largest payload; also the largest number of pages and of stable nodes.
    static let payloadMask: UInt32 = (1 << 29) - 1

    static let absent = PageLink(.absent)

    init(_ state: PageState, _ payload: UInt32 = 0) {
        bits = state.rawValue << 29 | payload & PageLink.payloadMask
    }

    var state: PageState { PageState(rawValue: bits >> 29)! }
    var payload: UInt32 { bits & PageLink.payloadMask }
}
