/// Where a page stands on its journey.
enum PageState: UInt32 {
    /// Nothing known: never seen, discarded, or forgotten.
    case absent = 0
    /// May have changed since its last checksum; a checksum is to be taken. Payload: ``FreshMarks``.
    case fresh
    /// Has a checksum; a candidate for matching if it is the same at the next scan. Payload: the ``PageLink/busyLevel``.
    case settled
    /// In the unstable tree. Payload: the scan in which it was put there.
    case unstable
    /// A site of a stable node. Payload: the node.
    case stable
    /// Found to hold zeros only, and given back.
    case zeroed
    /// Could not be merged for a reason that lasts. Payload: the scan from which on it is tried again, and above that the
    /// ``PageLink/busyLevel``.
    case refused
    /// In the merge plan under way. Payload: the ``PageLink/busyLevel``.
    case planned
}

/// What a fresh page still knows of its former life; above these its ``PageLink/busyLevel``.
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
    /// All bits of the level.
    static let busyLevel = FreshMarks(rawValue: PageLink.highestBusyLevel << levelShift)

    fileprivate static let levelShift: UInt32 = 5
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

/// Pages that were busy are tried again after 2, 4, 8 ... scans (``MergerConfiguration/mostScansBusy``), as long as they do not
/// change: pages that are shared with a forked child often stay so for as long as it lives, and each try takes time from
/// their writers. So are pages for which there were no map entries, after at most ``MergerConfiguration/scansUntilRetry``.
extension PageLink {
    /// How often in a row the page was busy, at most ``highestBusyLevel``. It is lost where the page changes, and where it
    /// waits in the unstable tree.
    var busyLevel: UInt32 {
        switch state {
        case .fresh: payload >> FreshMarks.levelShift
        case .settled, .planned: payload
        case .refused: payload >> PageLink.scanBits
        case .absent, .unstable, .stable, .zeroed: 0
        }
    }

    static let highestBusyLevel: UInt32 = 7
    private static let scanBits: UInt32 = 26
    private static let scanMask: UInt32 = 1 << scanBits - 1

    /// A page that is tried again from a scan on.
    static func refused(until scan: UInt32, busyLevel: UInt32 = 0) -> PageLink {
        PageLink(.refused, scan & scanMask | busyLevel << scanBits)
    }

    /// A page that was busy, or for which there were no map entries, in a scan, to be left alone for so many at most.
    static func busy(level: UInt32, in scan: UInt32, most: UInt32) -> PageLink {
        .refused(until: scan &+ min(2 << level, most), busyLevel: min(level + 1, highestBusyLevel))
    }

    /// Whether a refused page is to be tried again. Scan numbers are compared modulo 2 to the power of 26.
    func isDue(in scan: UInt32) -> Bool { (scan &- payload) & PageLink.scanMask < PageLink.scanMask / 2 }

    /// A refused page that is to be tried again: its digest is that of the last try.
    var tried: PageLink { PageLink(.fresh, FreshMarks.hasDigest.rawValue | busyLevel << FreshMarks.levelShift) }
}
