import Assembly
import CLinuxMemory
import Daemon
import FrontEnd
import Glibc
import Logging
import Merger
import PageChecksum
import ScanPolicy
import Synchronization
import Testing
import Wire

/// The daemon's service half, from outside: over its socket and as a `MergerControl`.
@Suite("Service", .serialized)
enum ServiceTests {}

/// A daemon at a socket of its own, and fake agents of this process that connect to it as real ones do.
final class ServiceRig: Sendable {
    let daemon: SamepageDaemon
    let path: String
    let log: LogLines
    private let task: Task<Void, any Error>
    private let agents = Mutex<[FakeAgent]>([])

    /// Starts a daemon and waits until it answers.
    init(_ change: (inout DaemonSettings) -> Void = { _ in }, attributes: [String: String] = [:]) async throws {
        var settings = DaemonSettings()
        settings.socketPath = ""
        change(&settings)
        if settings.socketPath.isEmpty { settings.socketPath = try Self.makeDirectory() + "/s" }
        let log = LogLines()
        let daemon = try Self.daemon(settings, log, attributes: attributes)
        self.daemon = daemon
        self.log = log
        path = settings.socketPath
        task = Task { try await daemon.run() }
        guard try await Self.waits({ log.has("serving user") }) else {
            throw ServiceRigError("the daemon does not start")
        }
    }

    /// Waits until a daemon that a task runs has done something: false when that takes too long.
    ///
    /// Not a blocking wait: the threads that tasks share may be as few as the tests that run.
    static func waits(_ isSo: () -> Bool) async throws -> Bool {
        for _ in 0..<1000 where !isSo() { try await Task.sleep(for: .milliseconds(10)) }
        return isSo()
    }

    /// A daemon that does not run yet.
    static func daemon(
        _ settings: DaemonSettings, _ log: LogLines = LogLines(), attributes: [String: String] = [:]
    ) throws -> SamepageDaemon {
        try SamepageDaemon(settings: settings, description: MergerDescription(), logger: log.logger) {
            let registry = StrategyRegistry.standard
            var policy = registry.policies["fixed"]!()
            try policy.set("sleep_millisecs", to: "5")
            for (name, value) in attributes { try policy.set(name, to: value) }
            return MergerParts(
                checksum: registry.checksums["xxh3-128"]!(), stableTree: registry.trees["hash-table"]!(),
                unstableTree: registry.trees["hash-table"]!(), policy: policy)
        }
    }

    /// A new directory that every user may search.
    static func makeDirectory() throws -> String {
        var template = Array("/tmp/samepage-service-XXXXXX".utf8CString)
        // SAFETY: the array is terminated by zero and changed in place.
        let made = unsafe template.withUnsafeMutableBufferPointer { unsafe mkdtemp($0.baseAddress!) != nil }
        guard made else { throw ServiceRigError("no directory") }
        let path = template.dropLast().map { UInt8(bitPattern: $0) }
        let text = String(decoding: path, as: UTF8.self)
        unsafe chmod(text, 0o755)
        return text
    }

    /// Stops the daemon as the service group does, and removes what the test made.
    func stop() async throws {
        try await stopDaemon()
        stopAgents()
        unsafe rmdir(String(path.dropLast(2)))
    }

    /// Stops the daemon; the clients go on.
    func stopDaemon() async throws {
        task.cancel()
        try await task.value
    }

    func stopAgents() {
        let all = agents.withLock { agents in
            defer { agents.removeAll() }
            return agents
        }
        for agent in all { agent.stop() }
    }

    /// A connection that has said nothing yet.
    func dial() throws -> Int32 {
        let descriptor = lm_socket()
        // SAFETY: a string terminated by zero, of the length given.
        let result = unsafe path.withCString { unsafe lm_connect(descriptor, $0, path.utf8.count) }
        guard result == 0 else { throw ServiceRigError("connect: \(-result)") }
        return descriptor
    }

    static func hello(_ change: (inout WireHello) -> Void = { _ in }) -> [UInt8] {
        var hello = WireHello()
        hello.pageSize = UInt32(pageSize)
        hello.userfault = 2
        change(&hello)
        return message(WireHeader(.hello), [hello])
    }

    /// A client that has said hello.
    func connect(_ change: (inout WireHello) -> Void = { _ in }) throws -> FakeAgent {
        let agent = FakeAgent(socket: try dial(), checksum: StrategyRegistry.standard.checksums["xxh3-128"]!())
        agents.withLock { $0.append(agent) }
        agent.send(Self.hello(change))
        return agent
    }

    /// A client that was let in, with one area of the given seeds.
    func client(
        _ seeds: [UInt64?], within seconds: Double = 10, _ change: (inout WireHello) -> Void = { _ in }
    ) throws -> FakeAgent {
        let agent = try connect(change)
        guard eventually(within: seconds, { agent.locked { agent.welcome != nil } }) else {
            agent.stop()
            throw ServiceRigError("no welcome")
        }
        agent.add(1, seeds: seeds)
        return agent
    }

    /// What comes on a raw connection within two and a half seconds: a message's kind and body, or `nil` when it was
    /// closed.
    static func answer(_ descriptor: Int32, within seconds: Double = 2.5) -> (kind: WireKind, text: String)? {
        var entry = lm_poll_entry(descriptor: descriptor, events: Int16(LM_POLL_IN), found: 0)
        // SAFETY: one entry; as many bytes as the array has.
        guard unsafe lm_poll(&entry, 1, Int64(seconds * 1e9)) > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: WireLimit.message)
        let got = unsafe bytes.withUnsafeMutableBytes { unsafe lm_receive(descriptor, $0.baseAddress, $0.count) }
        guard got.size >= 16, let kind = WireKind(rawValue: UInt16(bytes[0]) | UInt16(bytes[1]) << 8) else {
            return nil
        }
        return (kind, String(decoding: bytes[16..<got.size], as: UTF8.self))
    }

    /// Whether the other side closes within a time.
    static func closes(_ descriptor: Int32, within seconds: Double) -> Bool {
        eventually(within: seconds) {
            var byte: UInt8 = 0
            // SAFETY: one byte.
            return unsafe lm_receive(descriptor, &byte, 1).size == 0
        }
    }

    /// Waits until the merger has scanned everything so often.
    func awaitScans(_ count: UInt64) throws -> Bool {
        let before = try daemon.counters().fullScans
        return eventually { ((try? daemon.counters().fullScans) ?? 0) >= before + count }
    }
}

struct ServiceRigError: Error {
    let text: String
    init(_ text: String) { self.text = text }
}

/// The lines of a log.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func has(_ text: String) -> Bool { all.contains { $0.contains(text) } }
    func count(_ text: String) -> Int { all.count { $0.contains(text) } }

    var logger: Logger {
        var logger = Logger(label: "samepage", factory: { _ in Handler(lines: self) })
        logger.logLevel = .debug
        return logger
    }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.lines.withLock { $0.append("\(event.level): \(event.message)") }
        }
    }
}
