import Assembly
import CLinuxMemory
@testable import Daemon
import Glibc
import Logging
import Merger
import PageChecksum
import Wire

/// Whatever clients send, to a domain of the daemon: who they are, areas, and answers while their pages merge.
enum WireTarget {
    static func run(_ input: [UInt8]) {
        var script = Script(input)
        let (engine, checksum) = makeEngine(&script)
        let wakeUp = WakeDescriptor()
        var peers: [WirePeer] = []
        for _ in 0...(script.byte() & 1) {
            if let peer = connect(to: engine, checksum, &script) { peers.append(peer) }
        }
        for _ in 0..<48 where !script.isAtEnd {
            let peer = peers.isEmpty ? nil : peers[Int(script.byte()) % peers.count]
            switch script.byte() % 16 {
            case 0: peer?.send(script.piece(unit: 4))
            case 1...3: peer?.send(announcement(&script))
            case 4: for client in engine.clients { _ = client.connection.fetchStatistics() }
            case 5: engine.memory.base.maintain(nanoseconds: UInt64.max)
            case 6:
                if let area = engine.clients.first?.areas.values.first { engine.memory.forgetObservations(of: area.id) }
            case 7: try? engine.merger.set("run", to: "2")
            case 8: try? engine.merger.set("run", to: "1")
            case 9: if peers.count < 4, let peer = connect(to: engine, checksum, &script) { peers.append(peer) }
            default: turn(engine, wakeUp)
            }
            hear(engine)
        }
        for _ in 0..<6 { turn(engine, wakeUp) }
        _ = engine.clientReports()
        engine.finish()
        for peer in peers { peer.end() }
    }

    /// Areas that come or go, mostly such as there can be.
    static func announcement(_ script: inout Script) -> [UInt8] {
        let mode = script.byte()
        let area = WireArea(
            area: UInt32(mode & 3),
            pageCount: UInt32(script.byte()) &+ (mode & 64 != 0 ? script.number(UInt32.self) : 0),
            firstPage: mode & 32 != 0 ? script.number(UInt64.self) : UInt64(mode & 3) << 12)
        return WirePeer.bytes(WireHeader(mode & 16 != 0 ? .areaRemoved : .areaAdded, count: 1)) + WirePeer.bytes(area)
    }

    private static func makeEngine(_ script: inout Script) -> (DomainEngine, any PageChecksum) {
        var configuration = SamepageConfiguration()
        let mode = script.byte()
        configuration.checksum = mode & 1 != 0 ? "jhash2" : "xxh3-128"
        if mode & 2 != 0 { (configuration.stableTree, configuration.unstableTree) = ("red-black", "red-black") }
        configuration.merger.rowLength = mode & 4 != 0 ? 1 : 64
        configuration.policyAttributes = ["pages_to_scan": "1000", "sleep_millisecs": "0"]
        let logger = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
        guard let parts = try? configuration.makeParts() else { fatalError("the configuration is wrong") }
        guard let facts = try? ProcessFacts(pid: getpid()) else { fatalError("/proc cannot be read") }
        let membership = Membership()
        let engine = DomainEngine(
            key: membership.key(facts, salt: 0), parts: parts, pageSize: WirePeer.pageSize, settings: WireSettings(),
            lingerSeconds: 0,
            scans: ScanMark(before: 0), budget: UserBudget(mostKept: 1 << 20, mostSegments: 4),
            share: CPUShare(percent: 100), membership: membership, gate: LogGate(logger), clientLeft: {})
        return (engine, parts.checksum)
    }

    /// A client that says hello, and a thread that answers for it; `nil` when it is not let in.
    private static func connect(
        to engine: DomainEngine, _ checksum: any PageChecksum, _ script: inout Script
    ) -> WirePeer? {
        var pair: [Int32] = [-1, -1]
        // SAFETY: room for two.
        guard unsafe pair.withUnsafeMutableBufferPointer({ unsafe lm_socketpair($0.baseAddress!) }) == 0 else {
            return nil
        }
        _ = lm_socket_option(pair[0], Int32(LM_SO_PASSCRED), 1)
        let mode = script.byte()
        let peer = WirePeer(socket: pair[1], script: Script(script.piece(unit: 2)), checksum: checksum)
        var hello = WireHello()
        hello.pageSize = UInt32(WirePeer.pageSize)
        if mode & 8 != 0 { hello.flags = WireHello.signsNews | WireHello.tellsQuiet | WireHello.tellsEntries }
        let message = WirePeer.bytes(WireHeader(.hello)) + WirePeer.bytes(hello)
        peer.send(mode & 0xF0 == 0xF0 ? script.piece() : message)
        let reception = Reception(pageSize: WirePeer.pageSize, ownUser: geteuid(), clientGroup: nil, salt: 0)
        guard let guest = try? reception.hear(pair[0]) else {
            close(pair[0])
            close(pair[1])
            return nil
        }
        peer.start()
        engine.admit(guest, device: nil)
        engine.clients.last?.connection.patience = 20_000_000
        return peer
    }

    private static func hear(_ engine: DomainEngine) {
        for client in engine.clients { client.connection.receivePending() }
        _ = engine.takeNews()
    }

    private static func turn(_ engine: DomainEngine, _ wakeUp: WakeDescriptor) {
        engine.wake()
        _ = engine.turn(wakeUp: wakeUp)
    }
}
