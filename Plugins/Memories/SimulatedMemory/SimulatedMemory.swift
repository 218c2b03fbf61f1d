public import PageChecksum
public import PageMemory

/// Where a page lies: its address space, and its number in it.
struct PagePlace: Hashable {
    var space: AddressSpaceID
    var page: UInt64
}

/// Memory that exists only in this process: deterministic, with every race and refusal under the control of its user.
///
/// It has address spaces of pages with real bytes, areas registered in them, and frames that count their mappers. A
/// program's side (``write(_:at:to:)``, ``read(_:)``, ``discard(_:)``) and a merger's side (the three jobs of
/// `MergeableMemory`) work on the same pages. What a merger must never do is recorded in ``violations``.
///
/// Its memory cost follows the pages that exist, not the length of areas.
public final class SimulatedMemory {
    /// Bytes in a page.
    public let pageSize: Int
    /// Whether observations leave out pages that did not change.
    public let tracksChanges: Bool
    /// The work asked for so far.
    public var tally = SimulatedTally()
    /// What the merger did against the contract, in words, in order. Empty while all is well.
    public internal(set) var violations: [String] = []
    /// Called at the named moments of a call. It may do anything on the program's side of the memory.
    public var interference: ((SimulatedMemory, SimulatedMoment) -> Void)?
    /// Asked before a step on a page; anything but `nil` and ``PageMemory/SiteOutcome/merged`` refuses it so.
    public var refusal: ((SimulatedStep, PageAddress) -> SiteOutcome?)?

    let checksum: any PageChecksum
    var areas: [AreaID: Area] = [:]
    var spaces: [AddressSpaceID: PageTable] = [:]
    var frames: FrameStore
    /// Pages that were merged already when their area was registered: no merger knows so, until it merges them again.
    var inherited: Set<PagePlace> = []

    /// Makes a memory without areas.
    ///
    /// - Parameters:
    ///   - pageSize: Bytes in a page: a power of two, at least 16.
    ///   - tracksChanges: Whether observations leave out unchanged pages; if not, they report all that exist.
    ///   - reusesFrames: Whether numbers of freed frames come again at once, as they do in a real store.
    ///   - checksum: The checksum of the merger; the content of new frames is checked against its digests.
    public init(
        pageSize: Int = 4096, tracksChanges: Bool = true, reusesFrames: Bool = true, checksum: any PageChecksum
    ) {
        precondition(pageSize >= 16 && pageSize & (pageSize - 1) == 0, "a page has a power of two of bytes, 16 or more")
        self.pageSize = pageSize
        self.tracksChanges = tracksChanges
        self.checksum = checksum
        frames = FrameStore(reusesNumbers: reusesFrames)
    }

    func reach(_ moment: SimulatedMoment) {
        interference?(self, moment)
    }

    func refuses(_ step: SimulatedStep, _ page: PageAddress) -> SiteOutcome? {
        guard let outcome = refusal?(step, page), outcome != .merged else { return nil }
        return outcome
    }

    /// The address space and the number in it of a page of a registered area.
    func locate(_ page: PageAddress) -> PagePlace? {
        guard let area = areas[page.area], page.index < area.pageCount else { return nil }
        return PagePlace(space: area.space, page: area.firstPage + UInt64(page.index))
    }

    func holding(at place: PagePlace) -> PageHolding {
        spaces[place.space]?[place.page] ?? .absent
    }

    /// Puts something in the place of what a page holds, and keeps the mappers of frames.
    func set(_ place: PagePlace, to holding: PageHolding, changed: Bool) {
        let old = self.holding(at: place)
        if case .shared(let frame) = holding { frames.addMapper(to: frame) }
        spaces[place.space, default: PageTable()].set(place.page, to: holding, changed: changed)
        inherited.remove(place)
        if case .shared(let frame) = old { frames.removeMapper(from: frame) }
    }

    /// What a page holds as bytes: its own, or its frame's. `nil` when it holds nothing.
    func bytes(of holding: PageHolding) -> PageBytes? {
        switch holding {
        case .absent, .zeros: nil
        case .own(let bytes): bytes
        case .shared(let frame): frames.records[frame]?.bytes
        }
    }
}
