import Assembly
import CLinuxMemory
import Daemon
import Glibc
import PageChecksum
import PageMemory
import Testing
import Wire

/// What an agent may say unasked, and what ends its connection.
@Suite("Daemon memory: unasked messages")
struct MemoryConnectionTests {
    private func connect(
        pid: Int32 = getpid(), user: UInt32 = getuid()
    ) throws -> (agent: FakeAgent, connection: AgentConnection) {
        let checksum = StrategyRegistry.standard.checksums["xxh3-128"]!()
        return try makeConnection(checksum: checksum, pid: pid, user: user)
    }

    /// Sends a message and returns why the connection ended.
    private func failure(after bytes: [UInt8], passing descriptor: Int32? = nil) throws -> String? {
        let (agent, connection) = try connect()
        defer { agent.stop() }
        agent.send(bytes, passing: descriptor)
        _ = eventually(within: 1) {
            connection.receivePending()
            return connection.isDead
        }
        return connection.failure
    }

    private func area(_ number: UInt32, pages: UInt32 = 1, at first: UInt64 = 5) -> WireArea {
        WireArea(area: number, pageCount: pages, firstPage: first)
    }

    @Test("areas come and go in order")
    func areas() throws {
        let (agent, connection) = try connect()
        defer { agent.stop() }
        agent.announce([area(1), area(2, pages: 7)])
        agent.retract([1])
        connection.receivePending()
        let events = connection.takeEvents()
        #expect(events.count == 3)
        guard case .areaAdded(let second) = events[1], case .areaRemoved(1) = events[2] else {
            Issue.record("wrong events: \(events)")
            return
        }
        #expect(second.pageCount == 7)
        #expect(connection.takeEvents().isEmpty)
    }

    @Test("messages that end a connection")
    func brokenMessages() throws {
        let list = [area(1)]
        #expect(try failure(after: [1, 2, 3])?.contains("unknown") == true)
        #expect(try failure(after: message(WireHeader(.areaAdded, count: 2), list))?.contains("length") == true)
        #expect(try failure(after: message(WireHeader(.areaAdded, count: 0), [WireArea]()))?.contains("length") == true)
        #expect(try failure(after: message(WireHeader(.merge, count: 1), list))?.contains("not its to send") == true)
        #expect(try failure(after: message(WireHeader(.hello), [WireHello()]))?.contains("not its to send") == true)
        #expect(
            try failure(after: message(WireHeader(.merge, isAnswer: true, sequence: 1), list))?
                .contains("nobody waits for") == true)
        #expect(try failure(after: [UInt8](repeating: 0, count: 40_000))?.contains("too long") == true)
        #expect(try failure(after: bytes([UInt16(999), 0, 0, 0, 0, 0, 0, 0]))?.contains("unknown") == true)
    }

    @Test("areas that cannot be end a connection")
    func brokenAreas() throws {
        func added(_ areas: [WireArea]) -> [UInt8] { message(WireHeader(.areaAdded, count: areas.count), areas) }
        #expect(try failure(after: added([area(1, pages: 0)]))?.contains("cannot be") == true)
        #expect(try failure(after: added([area(1, pages: 9, at: .max)]))?.contains("cannot be") == true)
        #expect(try failure(after: added([area(1), area(1)]))?.contains("twice") == true)
        #expect(
            try failure(after: message(WireHeader(.areaRemoved, count: 1), [area(4)]))?.contains("not added") == true)
    }

    @Test("more areas than there may be end a connection")
    func tooManyAreas() throws {
        let (agent, connection) = try connect()
        defer { agent.stop() }
        for start in stride(from: 0, through: WireLimit.areas, by: 1024) {
            agent.announce((start..<(start + 1024)).map { area(UInt32($0)) })
            connection.receivePending()
            _ = connection.takeEvents()
        }
        #expect(connection.failure?.contains("more areas") == true)
    }

    @Test("coming and going without end ends a connection")
    func flood() throws {
        let (agent, connection) = try connect()
        defer { agent.stop() }
        let list = (0..<1024).map { area(UInt32($0)) }
        for _ in 0..<200 where !connection.isDead {
            agent.announce(list)
            agent.retract(list.map(\.area))
            connection.receivePending()
        }
        #expect(connection.failure?.contains("too fast") == true)
    }

    @Test("descriptors are refused and closed")
    func descriptors() throws {
        let added = message(WireHeader(.areaAdded, count: 1), [area(1)])
        var pipes: [Int32] = [0, 0]
        unsafe pipe(&pipes)
        #expect(try failure(after: added, passing: pipes[1])?.contains("descriptors") == true)
        close(pipes[1])
        // The end of the pipe shows that no copy of the descriptor is left.
        var byte: UInt8 = 0
        #expect(unsafe read(pipes[0], &byte, 1) == 0)
        close(pipes[0])
    }

    @Test("what another process or user says ends a connection", arguments: [(1, 0), (0, 1)] as [(Int32, UInt32)])
    func otherSender(pid: Int32, user: UInt32) throws {
        let (agent, connection) = try connect(pid: getpid() + pid, user: getuid() + user)
        defer { agent.stop() }
        agent.announce([area(1)])
        connection.receivePending()
        #expect(connection.failure?.contains("another process or user") == true)
        #expect(connection.takeEvents().isEmpty)
    }

    @Test("a client that takes no messages is given up when patience ends")
    func fullSocket() throws {
        var pair: [Int32] = [-1, -1]
        unsafe pair.withUnsafeMutableBufferPointer { _ = unsafe lm_socketpair($0.baseAddress!) }
        defer { close(pair[1]) }
        let identity = ClientIdentity(pid: getpid(), user: getuid(), group: 0, pidfd: -1, command: "deaf")
        let connection = AgentConnection(
            descriptor: pair[0], identity: identity, space: .init(rawValue: 1), hello: WireHello())
        connection.patience = 50_000_000
        for _ in 0..<100_000 where !connection.isDead { connection.send(WireSettings()) }
        #expect(connection.failure?.contains("took no messages") == true)
    }
}
