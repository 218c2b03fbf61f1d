public import PageChecksum
public import PageMemory
public import PageTree
public import ScanPolicy

/// The same-page merger: what ksmd is in the kernel, as a pure state machine.
///
/// The merger keeps two indexes of pages by content. The **stable tree** holds the contents that merged pages share;
/// they are immutable, so its order never breaks. The **unstable tree** holds pages that have looked unchanged for a
/// scan and have no twin yet; they may be written at any moment, so what it says is checked before use, and it is thrown
/// away after every full scan, unless it is keyed by checksum and the memory reports every change.
///
/// The scan goes through the areas in windows (as many pages as the policy allows at once), and through a window in
/// batches of up to 512 pages, always in the same steps:
///
/// 1. *observe*: the memory says which pages changed or vanished (`Observe/`).
/// 2. *select*: the policy passes over some (`Select/`).
/// 3. *checksum*: changed pages get a checksum. One that differs from the last scan's makes the page wait (`Checksum/`).
/// 4. *match*: the others are looked up in the stable tree, then in the unstable tree (`Match/`).
/// 5. *merge*: the matches of the batch become one plan for the memory to carry out (`Drive/`).
/// 6. *record*: what became of each page updates trees, nodes and counters (`Record/`).
///
/// The merger calls neither the system nor a clock and never sleeps: ``next(time:)`` says what it needs, and whoever drives
/// it (``advance(on:time:)`` is the usual driver) does that and answers. It must be driven by one thread at a time.
///
/// What a page costs: 20 bytes here and the entry in the unstable tree; 28 to 32 in all. A minimum age costs 4 more.
public struct Merger: ~Copyable {
    /// The checksum in force.
    public let checksum: any PageChecksum
    let zeroDigest: PageDigest
    let pageSize: Int
    let tracksChanges: Bool
    /// NUMA nodes that the memory tells apart.
    let nodeCount: Int

    var configuration: MergerConfiguration
    /// The trees: one of each, or one of each for every NUMA node.
    var stableTrees: [any PageTree]
    var unstableTrees: [any PageTree]
    var policy: any ScanPolicy

    var spaces = Spaces()
    var table = PageTable()
    var nodes = StableNodes()
    var tally = Tally()
    var ages = PageAges()
    var waiting = WaitingGroups()
    var leftovers = Leftovers()
    /// Pages that are to be un-shared, and could not be.
    var stubborn: [UInt32] = []

    var stage = Stage.resting
    var batch = Batch()
    var window = Window()
    var departures: [Departure] = []
    var freeRows: [FrameRow] = []
    var areasToForget: [AreaID] = []
    /// The number of the running scan; kept within the payload of a page link.
    var scanNumber: UInt32 = 1
    var passStart = PassStart()
    /// Whether `run` 2 is under way.
    var unmergePending = false
    var unmergeFailures = 0
    /// Buffers of the usual driver.
    var observations: [ObservedRun] = []
    var digests: [PageDigest?] = []

    /// Makes a merger without areas.
    ///
    /// - Parameters:
    ///   - configuration: Its settings.
    ///   - checksum: The checksum of pages.
    ///   - stableTree: An empty index for contents that are shared.
    ///   - unstableTree: An empty index for pages without a twin.
    ///   - policy: How much to scan, and when.
    ///   - pageSize: Bytes in a page of the memory, a multiple of 16.
    ///   - tracksChanges: Whether the memory reports changes only (``PageObserver/tracksChanges``).
    ///   - nodeCount: NUMA nodes that it tells apart (``PageReader/node(of:)``), 1 to 64.
    public init(
        configuration: MergerConfiguration = MergerConfiguration(), checksum: any PageChecksum,
        stableTree: any PageTree, unstableTree: any PageTree, policy: any ScanPolicy,
        pageSize: Int, tracksChanges: Bool, nodeCount: Int = 1
    ) {
        self.configuration = configuration
        self.checksum = checksum
        stableTrees = [stableTree]
        unstableTrees = [unstableTree]
        self.policy = policy
        self.pageSize = pageSize
        self.tracksChanges = tracksChanges
        self.nodeCount = nodeCount
        let zeros = [UInt8](repeating: 0, count: pageSize)
        // SAFETY: the bytes belong to a local array that outlives the call.
        zeroDigest = unsafe checksum.digest(of: zeros.span.bytes)
        unmergePending = configuration.run == .unmerge
        makeTrees()
        setSharingLimit()
        ages.setMinimum(milliseconds: configuration.minimumAge)
        if ages.isOn { table.keepChangeTimes(from: 0) }
    }

    /// Whether pages of zeros are given back.
    var givesZerosBack: Bool {
        configuration.mergeOnly == .zeros || configuration.usesZeroPages && configuration.dialect == .linux
    }

    /// Whether pages stay in the unstable tree from one scan to the next.
    var keepsUnstableTree: Bool { tracksChanges && unstableTrees[0].isKeyed }

    /// Whether pages stay in the unstable tree until their new checksum is known. Not where what stands in it must be
    /// known to be old enough, or counts towards the sharers of its content.
    var keepsChangedPages: Bool { keepsUnstableTree && !ages.isOn && configuration.minimumSharers <= 1 }

    /// Registers an area; its pages are scanned from the next full scan on if its address space is new.
    ///
    /// - Throws: ``AreaError``; nothing has changed then.
    public mutating func add(_ area: Area) throws(AreaError) {
        try spaces.add(area, isInArea: window.isOpen)
        areasToForget.append(area.id)
    }

    /// Takes an area out that the memory does not know any more, or will not soon: its pages leave the trees, and frames
    /// that nobody else shares are released. Unknown areas are ignored.
    ///
    /// In the middle of a batch the area leaves when the batch is done.
    ///
    /// - Parameter unmerging: Whether its merged pages get memory of their own first; the memory must know the area until
    ///   ``contains(_:)`` turns false.
    public mutating func remove(_ area: AreaID, unmerging: Bool = false) {
        guard spaces.slotOfArea[area] != nil else { return }
        departures.append(Departure(area: area, unmerging: unmerging))
        if stage == .resting, !batch.isUnderWay, !unmerging { settleDepartures() }
    }

    /// Whether an area is registered.
    public func contains(_ area: AreaID) -> Bool { spaces.slotOfArea[area] != nil }

    /// The policy as it is now; another merger may begin with it.
    public var policyInForce: any ScanPolicy { policy }

    /// The number of registered areas.
    public var areaCount: Int { spaces.slotOfArea.count }
}

/// What the merger waits for.
enum Stage: Hashable {
    /// Nothing is under way; a request may start anything.
    case resting
    case observing
    case takingChecksums
    case matching
    case merging
    case unmerging(UnmergePurpose)
}

/// The range being scanned: observed once, gone through in batches.
struct Window {
    var slot: UInt32 = 0
    var next: UInt32 = 0
    var end: UInt32 = 0
    /// Pages this wake-up may still scan.
    var budget: UInt32 = 0
    /// Pages that the last wake-up was to scan.
    var granted: UInt32 = 0
    /// Whether a wake-up is under way, and how long the sleep after it is.
    var isAwake = false
    var sleepMilliseconds: UInt32 = 0

    var isOpen: Bool { next < end }

    mutating func close() { end = next }
}

/// The pages of the batch under way.
struct Batch {
    /// Pages that need a checksum, by number, ascending in their area.
    var fresh: [UInt32] = []
    /// Pages to match.
    var candidates: [UInt32] = []
    /// Of those, pages whose checksum is not that of the scan before: they are looked up in the stable tree only. Empty
    /// in the dialect of today's kernel.
    var volatile: Set<UInt32> = []
    /// Of those, pages that map a frame since a fork.
    var inherited: Set<UInt32> = []
    /// The page of each site of the plan, and the node of each of its groups (`nil` for zeros).
    var sites: [UInt32] = []
    var groupNodes: [UInt32?] = []
    /// The group of the zero pages, if there is one.
    var zeroGroup: UInt32?
    /// The plan, until it is fetched.
    var plan: MergePlan?
    /// The group of each site, for recording.
    var groups: [UInt32] = []
    /// Whether the candidates wait for a reader.
    var isMatchPending = false
    /// Nodes made by this batch, by digest; they have no frames yet.
    var pendingNodes: [PageDigest: [UInt32]] = [:]
    /// Nodes that have frames and are not in the stable tree yet; kept from one batch to the next.
    var nodesToPlace: [UInt32] = []
    /// Whether some of its nodes are further ones of a content, to be put into their chains at once.
    var makesDuplicates = false
    /// Frames that the plan needs, beyond those that exist.
    var framesToMake: UInt64 = 0
    /// Pages to unmerge.
    var unmerging: [UInt32] = []
    /// Lone founders, to be un-shared again.
    var lonely: [UInt32] = []

    /// Whether pages wait for a reader, for their plan to be fetched, or to be un-shared again.
    var isUnderWay: Bool { isMatchPending || plan != nil || !lonely.isEmpty }

    /// Forgets the pages to match, and what is known of them.
    mutating func dropCandidates() {
        candidates.removeAll(keepingCapacity: true)
        if !volatile.isEmpty { volatile.removeAll(keepingCapacity: true) }
        if !inherited.isEmpty { inherited.removeAll(keepingCapacity: true) }
    }

    /// Forgets the pages that have been dealt with; candidates that the plan had no room for stay.
    mutating func clear() {
        fresh.removeAll(keepingCapacity: true)
        sites.removeAll(keepingCapacity: true)
        groupNodes.removeAll(keepingCapacity: true)
        groups.removeAll(keepingCapacity: true)
        pendingNodes.removeAll(keepingCapacity: true)
        zeroGroup = nil
        framesToMake = 0
        makesDuplicates = false
    }
}

/// An area on its way out.
struct Departure: Hashable {
    var area: AreaID
    var unmerging: Bool
}

/// Counters that only grow, and those that the table cannot tell.
struct Tally {
    var frames = 0
    var pagesScanned: UInt64 = 0
    var pagesSkipped: UInt64 = 0
    var fullScans: UInt64 = 0
    var checksummed: UInt64 = 0
    var comparisons: UInt64 = 0
    var planned: UInt64 = 0
    var merged: UInt64 = 0
    var notMerged = [UInt64](repeating: 0, count: SiteOutcome.allCases.count)
}

/// The tallies at the end of the last full scan, and the time at the start of this one.
struct PassStart {
    var tally = Tally()
    var time = DriverTime.none
}
