import Assembly
import CLinuxMemory
import Daemon
import Glibc
import Merger
import PageChecksum
import PageMemory
import ScanPolicy
import Wire

/// One domain, driven by hand: a real merger on a `DaemonMemory`, and fake agents on real connections.
final class MemoryRig {
    let memory: DaemonMemory
    private var merger: Merger
    private(set) var clients: [(agent: FakeAgent, connection: AgentConnection)] = []
    private var nextArea: UInt32 = 1
    private let checksum: any PageChecksum

    /// Without clients.
    ///
    /// - Parameters:
    ///   - checksum: Its name for `StrategyRegistry`, or one of the test's own.
    ///   - trees: The name of both indexes.
    ///   - rowLength: The longest row of frames.
    init(
        checksum: (any PageChecksum)? = nil, trees: String = "hash-table", rowLength: UInt32 = 64,
        trustsDigests: Bool = true
    ) throws {
        let registry = StrategyRegistry.standard
        self.checksum = checksum ?? registry.checksums["xxh3-128"]!()
        memory = DaemonMemory(checksum: self.checksum, trustsDigests: trustsDigests, pageSize: pageSize)
        var configuration = MergerConfiguration()
        configuration.rowLength = rowLength
        var policy = registry.policies["fixed"]!()
        try policy.set("pages_to_scan", to: "4294967295")
        merger = Merger(
            configuration: configuration, checksum: self.checksum, stableTree: registry.trees[trees]!(),
            unstableTree: registry.trees[trees]!(), policy: policy, pageSize: pageSize,
            tracksChanges: memory.tracksChanges)
    }

    deinit { for client in clients { client.agent.stop() } }

    /// A client that was welcomed.
    func connect() throws -> (agent: FakeAgent, connection: AgentConnection) {
        let (agent, connection) = try makeConnection(checksum: checksum)
        // Machines that run tests may be busy.
        connection.patience = 10_000_000_000
        connection.welcome(settings: WireSettings(), store: memory.store, checksum: memory.wireChecksum)
        clients.append((agent, connection))
        return (agent, connection)
    }

    /// A client with an area of the given seeds.
    func client(_ seeds: [UInt64?]) throws -> FakeAgent {
        let (agent, _) = try connect()
        agent.add(1, seeds: seeds)
        hear()
        return agent
    }

    /// Does what the daemon does when clients speak or leave.
    func hear() {
        for (_, connection) in clients where connection.slotsAreLive {
            connection.receivePending()
            for event in connection.takeEvents() {
                switch event {
                case .areaAdded(let area): add(area, on: connection)
                case .areaRemoved(let number):
                    guard let area = connection.areas[number] else { continue }
                    merger.remove(area)
                    merger.settle(on: &shared)
                    memory.remove(area)
                }
            }
            if connection.isDead { bury(connection) }
        }
    }

    private func add(_ area: WireArea, on connection: AgentConnection) {
        let identifier = AreaID(rawValue: nextArea)
        nextArea += 1
        do {
            try merger.add(
                Area(
                    id: identifier, space: connection.space, firstPage: area.firstPage, pageCount: area.pageCount))
        } catch {
            return
        }
        memory.add(identifier, on: connection, wire: area.area, pageCount: area.pageCount)
    }

    private func bury(_ connection: AgentConnection) {
        for area in connection.areas.values { merger.remove(area) }
        merger.settle(on: &shared)
        memory.detach(connection)
    }

    private var shared: DaemonMemory {
        get { memory }
        set {}
    }

    /// Full scans, with what clients say between them.
    func scan(_ passes: Int = 1) {
        for _ in 0..<passes {
            hear()
            merger.scan(on: &shared)
            hear()
        }
    }

    /// Gives every page memory of its own.
    func unmergeAll() throws {
        try merger.set("run", to: "2")
        merger.settle(on: &shared)
    }

    var counters: Counters { merger.counters }
}

extension AgentConnection {
    /// Whether there is something to hear or to bury.
    var slotsAreLive: Bool { !isDead || !areas.isEmpty }
}

/// An agent and its connection, before the welcome.
func makeConnection(
    checksum: any PageChecksum, pid: Int32 = getpid(), user: UInt32 = getuid()
) throws -> (agent: FakeAgent, connection: AgentConnection) {
    var pair: [Int32] = [-1, -1]
    let result = unsafe pair.withUnsafeMutableBufferPointer { unsafe lm_socketpair($0.baseAddress!) }
    precondition(result == 0)
    var hello = WireHello()
    hello.flags = WireHello.tellsEntries
    let connection = AgentConnection(
        descriptor: pair[0],
        identity: ClientIdentity(pid: pid, user: user, group: getgid(), pidfd: -1, command: "fake"),
        space: AddressSpaceID(rawValue: UInt32(pair[0])), hello: hello)
    return (FakeAgent(socket: pair[1], checksum: checksum), connection)
}

/// Waits until something that another thread does has happened.
func eventually(within seconds: Double = 10, _ condition: () -> Bool) -> Bool {
    let end = lm_monotonic_nanoseconds() + UInt64(seconds * 1e9)
    while lm_monotonic_nanoseconds() < end {
        if condition() { return true }
        usleep(1000)
    }
    return condition()
}
