/// Neighbouring pages of an area in the same state.
@frozen
public struct ObservedRun: Hashable, Sendable {
    /// What may have happened to the pages.
    @frozen
    public enum State: UInt8, Hashable, Sendable {
        /// The pages exist, hold private content, and may have changed since they were last observed.
        case changed
        /// The pages hold nothing to merge: never touched, discarded, or the kernel's zero page.
        case absent
        /// The program has given the pages back itself. As absent, and pages of zeros that were given back before do
        /// not count as such any more.
        case discarded
        /// The pages exist, hold private content, and are written so often that nobody need look at them now. They are
        /// reported as changed when it is worth a look again.
        case hot
        /// The pages map frames of the store, and no merge that was asked for put them there: those of a forked child.
        case inherited
        /// The pages held zeros and were given back, and no merge that the merger remembers did that: those of a forked
        /// child, and those that were forgotten.
        case zeroed
    }

    /// The place of the first page in its area.
    public var start: UInt32
    /// The number of pages, at least 1.
    public var count: UInt32
    /// Their state.
    public var state: State

    /// Makes a run.
    @inlinable
    public init(start: UInt32, count: UInt32, state: State) {
        self.start = start
        self.count = count
        self.state = state
    }
}

/// Why a memory could not answer for a whole area.
public enum PageMemoryError: Error, Hashable, Sendable {
    /// The memory knows no such area (any more).
    case noSuchArea(AreaID)
    /// The system refused; `call` names the operation, `code` is the error number.
    case system(call: String, code: Int32)
}

extension PageMemoryError: CustomStringConvertible {
    /// One line that says what went wrong.
    public var description: String {
        switch self {
        case .noSuchArea(let area): "area \(area.rawValue) is not registered"
        case .system(let call, let code): "\(call) failed with error \(code)"
        }
    }
}

/// The first job of a memory: which pages of an area exist, and which may have changed.
public protocol PageObserver {
    /// Bytes in a page, a power of two.
    var pageSize: Int { get }

    /// Whether ``observe(_:pages:into:)`` leaves out pages that did not change. If not, it reports every existing
    /// page as changed each time.
    var tracksChanges: Bool { get }

    /// Reports the pages of a range that changed or vanished since they were last observed.
    ///
    /// - A page that exists and was never observed is `changed`; so is one written to since, even with the
    ///   same bytes, and a merged page whose sharing was broken by a write. A merged page that still maps its frame is
    ///   never `changed`: the merger takes the report as the end of its sharing.
    /// - A page that held content when last observed and holds none now is `absent`. Pages that never existed may be
    ///   reported as absent again and again.
    /// - A page that is not reported is as it was: present and unchanged, merged, or absent.
    /// - What happened to a page before it was merged is not reported any more: the merge has found out what it holds.
    /// - From this call on, later writes are noticed by the next one, however soon they come. A memory may report a page
    ///   that did not change, and must never fail to report one that did.
    ///
    /// - Parameters:
    ///   - area: A registered area.
    ///   - pages: Places in the area.
    ///   - runs: Cleared, then filled in ascending order without overlaps.
    /// - Throws: ``PageMemoryError``; `runs` is then empty and nothing was marked as observed.
    /// - Complexity: On a memory that tracks changes, independent of the number of unchanged pages as far as the
    ///   system permits, and without reading any page.
    mutating func observe(
        _ area: AreaID, pages: Range<UInt32>, into runs: inout [ObservedRun]
    ) throws(PageMemoryError)

    /// Forgets what was observed in an area: the next observation reports every page with content of its own as changed.
    mutating func forgetObservations(of area: AreaID)
}
