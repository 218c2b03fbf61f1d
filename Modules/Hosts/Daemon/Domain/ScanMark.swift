import Synchronization

/// How often a domain has scanned all its areas, on the daemon's count: what that was when the domain began, and the
/// domain's own scans since. Written by the domain's thread, read by anyone.
///
/// The daemon's `full_scans` is the smallest of its domains': when it has grown by one, every area that was
/// there has been scanned once more.
final class ScanMark: Sendable {
    private let atStart: Atomic<UInt64>
    private let own = Atomic<UInt64>(0)

    init(before: UInt64) { atStart = Atomic(before) }

    /// The daemon's count when the domain began, or 0 after `run` 2.
    var before: UInt64 {
        get { atStart.load(ordering: .relaxed) }
        set { atStart.store(newValue, ordering: .relaxed) }
    }

    /// The domain's own scans.
    var count: UInt64 {
        get { own.load(ordering: .relaxed) }
        set { own.store(newValue, ordering: .relaxed) }
    }

    /// Both together.
    var total: UInt64 { before &+ count }
}
