package import PageChecksum
package import PageMemory
package import Wire

/// The memory of all clients of one domain, and the frames they share.
///
/// What lies in clients' memory is done by their agents, on request; requests of one step go to all clients
/// concerned before the first answer is awaited. The daemon believes no client about content: frames are filled from
/// one copy that it takes, checked by its own digest of that copy, and the agent of each other page compares the
/// bytes before and after it moves the page away. A lying client hurts itself: a wrong digest, a wrong copy or a
/// wrong outcome can keep its pages from merging, or let them merge that should not, and nobody else's.
///
/// Confined to the thread of its domain.
package final class DaemonMemory {
    /// Bytes in a page.
    package let pageSize: Int
    /// The frames.
    package let store: SegmentStore
    let checksum: any PageChecksum
    /// Which checksum agents take.
    package let wireChecksum: WireChecksum
    let trustsDigests: Bool
    let scratch: DaemonScratch
    var suspects = Suspects()
    var cache: PageCache
    var counted = DaemonMemoryStatistics()
    var connections: [AgentConnection?] = []
    private var records: [AreaID: AreaRecord] = [:]
    /// The record looked up last: pages come in runs of one area.
    private var latest: (area: AreaID, record: AreaRecord)?
    /// The page behind the last one fetched for a comparison, and how many were fetched at once.
    var nextFetch: PageAddress?
    var readAheadCount = 1
    var retirements: [Retirement] = []
    /// What is to be said of pages at the next observation, by area: see ``noteUnsure(_:)``.
    var unsure: [AreaID: [ObservedRun]] = [:]
    /// Uploads since memory for them was given back last, and since the last look at that.
    var hasUploaded = false
    var hasUploadedLately = false
    /// The number of the merger's wake-up, and when that was; 0 where nobody says: all is observed then.
    private(set) var wakeUp: UInt64 = 0
    private(set) var wakeUpTime: UInt64 = 0
    /// CPU time that agents have used, as far as they said it when they observed.
    var cpuOfAgents: UInt64 = 0
    private var requestsOfFormer: UInt64 = 0

    /// Without clients and frames.
    ///
    /// - Parameters:
    ///   - checksum: The checksum in force.
    ///   - trustsDigests: Whether pages of equal digests are matched without a look at their bytes. Only for a
    ///   checksum of 128 bits and trees that are both keyed; merging compares the bytes in any case.
    ///   - pageSize: Bytes in a page, of all clients.
    ///   - budget: Bounds the memory of frames.
    package init(checksum: any PageChecksum, trustsDigests: Bool, pageSize: Int, budget: UserBudget? = nil) {
        self.pageSize = pageSize
        self.checksum = checksum
        self.trustsDigests = trustsDigests
        wireChecksum = Self.agentChecksum(for: checksum)
        store = SegmentStore(pageSize: pageSize, budget: budget)
        scratch = DaemonScratch(pageSize: pageSize)
        cache = PageCache(pageSize: pageSize)
    }

    /// The checksum of the agent in each program that gives the same digests; if there is none, changed pages are copied
    /// to the daemon.
    ///
    /// The name alone does not say it: a checksum may have another seed than the agent's. Digests of agent and daemon
    /// that differ would keep every page from merging.
    package static func agentChecksum(for checksum: any PageChecksum) -> WireChecksum {
        let known: (checksum: WireChecksum, zeros: PageDigest)
        switch checksum.name {
        case "xxh3-128":
            known = (.xxh3, PageDigest(high: 0x3ee8_dc4f_9e7e_e495, low: 0x93d7_6fe1_48c6_89ba))
        case "jhash2": known = (.jhash2, PageDigest(0x6157_4272))
        default: return .daemon
        }
        let zeros = [UInt8](repeating: 0, count: 4096)
        // SAFETY: bytes of bytes; every one is initialized, and the span does not outlive the array.
        let digest = unsafe checksum.digest(of: zeros.span.bytes)
        return digest == known.zeros ? known.checksum : .daemon
    }

    /// Whether agents carry a checksum.
    package static func runsInAgent(_ checksum: any PageChecksum) -> Bool { agentChecksum(for: checksum) != .daemon }

    /// What merging did and cost so far, with everything that is counted on demand.
    package var statistics: DaemonMemoryStatistics {
        reap()
        var statistics = counted
        statistics.requests = connections.reduce(requestsOfFormer) { $0 + ($1?.requests ?? 0) }
        statistics.framesInUse = store.framesInUse
        statistics.framesHeld = store.framesHeld
        statistics.segments = store.segmentCount
        statistics.retiredSegments = store.retiredCount
        statistics.storedBytes = store.storedBytes
        return statistics
    }

    /// The merger wakes up: what programs do from now on, and nothing before, may be told the next time only.
    ///
    /// - Parameter time: The monotonic clock.
    func beginWakeUp(at time: UInt64) {
        wakeUp += 1
        wakeUpTime = time
    }

    /// Requests to agents so far, those of clients that have left not counted.
    var requestsOfClients: UInt64 { connections.reduce(0) { $0 + ($1?.requests ?? 0) } }

    /// Makes the pages of an area reachable.
    ///
    /// - Parameters:
    ///   - area: Its number in the merger, not in use.
    ///   - connection: The connection of its client, welcomed with ``store``.
    ///   - wire: Its number for the agent.
    ///   - pageCount: Its length in pages.
    package func add(_ area: AreaID, on connection: AgentConnection, wire: UInt32, pageCount: UInt32) {
        precondition(connection.store === store, "a connection reaches the frames of its own domain only")
        precondition(records[area] == nil, "area \(area.rawValue) is in use")
        records[area] = AreaRecord(slot: attach(connection), wire: wire, pageCount: pageCount)
        connection.areas[wire] = area
        connection.account.marked += Int(pageCount)
        latest = nil
    }

    /// Forgets an area. Unknown ones are ignored.
    package func remove(_ area: AreaID) {
        guard let record = records.removeValue(forKey: area) else { return }
        latest = nil
        unsure[area] = nil
        suspects.removePages(of: area)
        guard let connection = connections[Int(record.slot)] else { return }
        connection.areas[record.wire] = nil
        connection.account.marked -= Int(record.pageCount)
    }

    /// Forgets a connection, and the areas that are left of it.
    package func detach(_ connection: AgentConnection) {
        for area in Array(connection.areas.values) { remove(area) }
        for place in retirements.indices { retirements[place].holders.removeAll { $0 === connection } }
        guard let slot = connection.slot else { return }
        requestsOfFormer += connection.requests
        connections[slot] = nil
        connection.slot = nil
    }

    private func attach(_ connection: AgentConnection) -> Int32 {
        if let slot = connection.slot { return Int32(slot) }
        let slot = connections.firstIndex { $0 == nil } ?? connections.count
        if slot == connections.count { connections.append(connection) } else { connections[slot] = connection }
        connection.slot = slot
        return Int32(slot)
    }

    /// What is known of an area; `nil` when its connection is dead.
    @inline(__always)
    func record(of area: AreaID) -> AreaRecord? {
        if let latest, latest.area == area { return latest.record }
        return findRecord(of: area)
    }

    private func findRecord(of area: AreaID) -> AreaRecord? {
        guard let record = records[area] else { return nil }
        latest = (area, record)
        return record
    }

    /// The living connection at a place.
    func connection(_ slot: Int32) -> AgentConnection? {
        guard let connection = connections[Int(slot)], !connection.isDead, !connection.isParked else { return nil }
        return connection
    }

    /// Whether the process that an area belongs to is stopped, or owes an answer for too long.
    func isParked(_ area: AreaID) -> Bool {
        record(of: area).flatMap { connections[Int($0.slot)] }.map { $0.isParked && !$0.isDead } ?? false
    }

    /// Remembers pages of such processes of which nobody knows what became: they count as changed at the next
    /// observation.
    func noteUnsure(_ page: PageAddress) {
        guard isParked(page.area) else { return }
        unsure[page.area, default: []].append(ObservedRun(start: page.index, count: 1, state: .changed))
    }

    func count(_ work: WireWork) {
        counted.agentSystemCalls &+= work.systemCalls
        counted.agentBytesCompared &+= work.bytesCompared
        counted.writesWaited &+= UInt64(work.writesWaited)
        counted.readsWaited &+= UInt64(work.readsWaited)
        counted.pagesMovedBack &+= UInt64(work.pagesMovedBack)
        counted.repairedMoves &+= UInt64(work.repairedMoves)
    }
}

/// Where an area is.
struct AreaRecord {
    /// The place of its connection.
    var slot: Int32
    /// Its number for the agent.
    var wire: UInt32
    var pageCount: UInt32
    let watch = AreaWatch()
}

/// Buffers that the memory uses again and again.
@safe
final class DaemonScratch {
    /// A page of zeros.
    let zeros: UnsafeMutableRawPointer
    /// Pages of a step, and the parts of them that are one client's each.
    var work: [PageWork] = []
    var shares: [Share] = []
    /// Groups whose founder was read, and the places of the copies.
    var founders: [(group: Int, copy: Int)] = []
    /// New rows of frames, and the groups that they are for.
    var contents: [RowContent] = []
    var groups: [Int] = []
    /// Who pays for the row of each group of this round; `nil` for those that need none.
    var payers: [FrameAccount?] = []
    var rows: [FrameRow?] = []

    init(pageSize: Int) {
        unsafe zeros = .allocate(byteCount: pageSize, alignment: 64)
        // SAFETY: just allocated with this size.
        unsafe zeros.initializeMemory(as: UInt8.self, repeating: 0, count: pageSize)
    }

    deinit {
        // SAFETY: allocated by init.
        unsafe zeros.deallocate()
    }
}
