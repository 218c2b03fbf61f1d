public import PageChecksum
public import PageMemory

/// Where a page lies: its address space, and its number in it.
struct PagePlace: Hashable {
    var space: AddressSpaceID
    var page: UInt64
}

/// Memory that exists only in this process: deterministic, with every race and refusal under the control of its user.
///
/// It has address spaces with mappings of pages with real bytes, mergeable areas in them, and frames that count their
/// mappers. A program's side (``map(_:pages:kind:node:)``, ``advise(_:_:_:)``, ``store(_:at:to:of:)``, ``fork(_:)`` and
/// so on) and a merger's side (the three jobs of `MergeableMemory`) work on the same pages. What a merger must never do
/// is recorded in ``violations``.
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

    /// How many NUMA nodes there are.
    public let nodeCount: UInt8
    /// How many allocations succeed until one fails, and all after it, until this is set again; `nil` for no end. Pages,
    /// frames, page tables and structures of the kernel are allocations.
    public var allocationsUntilFailure: Int?
    /// How many allocations have succeeded so far.
    public private(set) var allocations = 0

    let checksum: any PageChecksum
    var areas: [AreaID: Area] = [:]
    var spaces: [AddressSpaceID: AddressSpace] = [:]
    var frames: FrameStore
    var forked = ForkedPages()
    /// How often each pinned page is pinned.
    var pins: [PagePlace: Int] = [:]
    var areaChanges: [AreaChange] = []
    /// Up to which place an area was observed since nothing in it is mergeable.
    var emptyUntil: [AreaID: UInt32] = [:]
    var nextArea: UInt32 = 0
    var nextSpace: UInt32 = 0
    private var buffer: [UInt64]

    /// Makes a memory without areas.
    ///
    /// - Parameters:
    ///   - pageSize: Bytes in a page: a power of two, at least 16.
    ///   - tracksChanges: Whether observations leave out unchanged pages; if not, they report all that exist.
    ///   - reusesFrames: Whether numbers of freed frames come again at once, as they do in a real store.
    ///   - nodeCount: How many NUMA nodes there are, at least 1.
    ///   - checksum: The checksum of the merger; the content of new frames is checked against its digests.
    public init(
        pageSize: Int = 4096, tracksChanges: Bool = true, reusesFrames: Bool = true, nodeCount: UInt8 = 1,
        checksum: any PageChecksum
    ) {
        precondition(pageSize >= 16 && pageSize & (pageSize - 1) == 0, "a page has a power of two of bytes, 16 or more")
        self.pageSize = pageSize
        self.tracksChanges = tracksChanges
        precondition(nodeCount > 0, "there is at least one node")
        self.nodeCount = nodeCount
        self.checksum = checksum
        buffer = Array(repeating: 0, count: pageSize / 8)
        frames = FrameStore(reusesNumbers: reusesFrames)
    }

    func reach(_ moment: SimulatedMoment) {
        interference?(self, moment)
    }

    func refuses(_ step: SimulatedStep, _ page: PageAddress) -> SiteOutcome? {
        guard let outcome = refusal?(step, page), outcome != .merged else { return nil }
        return outcome
    }

    /// Counts allocations; false, and nothing is allocated, when there is no memory for all of them.
    func allocate(_ count: Int = 1) -> Bool {
        if let left = allocationsUntilFailure {
            allocationsUntilFailure = max(left - count, 0)
            guard left >= count else { return false }
        }
        allocations += count
        return true
    }

    func digest(of bytes: PageBytes, with checksum: any PageChecksum) -> PageDigest {
        bytes.digest(with: checksum, buffer: &buffer)
    }

    /// The address space and the number in it of a page of a registered area, mergeable now or not.
    func place(inArea page: PageAddress) -> PagePlace? {
        guard let area = areas[page.area], page.index < area.pageCount else { return nil }
        return PagePlace(space: area.space, page: area.firstPage + UInt64(page.index))
    }

    /// The same for a page that is mergeable.
    func locate(_ page: PageAddress) -> PagePlace? {
        guard let place = place(inArea: page), mapping(at: place)?.isMergeable == true else { return nil }
        return place
    }

    func mapping(at place: PagePlace) -> Mapping? {
        spaces[place.space]?.mappings.mapping(at: place.page)
    }

    func holding(at place: PagePlace) -> PageHolding {
        spaces[place.space]?.table[place.page] ?? .absent
    }

    /// Puts something in the place of what a page holds, and keeps the books: mappers and pins.
    func set(_ place: PagePlace, to holding: PageHolding, changed: Bool) {
        switch holding {
        case .shared(let frame): frames.addMapper(to: frame)
        case .forked(let number): forked.addMapper(to: number)
        case .absent, .zeros: if !pins.isEmpty { pins[place] = nil }
        case .own: break
        }
        // Every page lies in a mapping, so its address space is there.
        letGo(spaces[place.space]!.table.set(place.page, to: holding, changed: changed))
    }

    /// A page does not hold this any more.
    func letGo(_ holding: PageHolding) {
        switch holding {
        case .shared(let frame): frames.removeMapper(from: frame)
        case .forked(let number): forked.removeMapper(from: number)
        case .absent, .zeros, .own: break
        }
    }

    /// What a page holds as bytes: its own, or its frame's. `nil` when it holds nothing.
    func bytes(of holding: PageHolding) -> PageBytes? {
        switch holding {
        case .absent, .zeros: nil
        case .own(let bytes): bytes
        case .forked(let number): forked[number].bytes
        case .shared(let frame): frames.records[frame]?.bytes
        }
    }
}

/// The memory of one process.
struct AddressSpace {
    var table = PageTable()
    var mappings = Mappings()
}
