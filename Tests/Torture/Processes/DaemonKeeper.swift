import CLinuxMemory
import ControlSocket
import FrontEnd
import Glibc
import Synchronization

/// The daemon of a round: it is killed, stopped and started again while others ask it.
final class DaemonKeeper {
    let socket: String
    let log: String
    private let command: [String]
    private(set) var program: Program
    /// Descriptors that it has without programs, by kind.
    private var idle: [String: Int] = [:]
    let epoch: Epoch

    init(samepage: String, socket: String, log: String, traps: Bool, epoch: Epoch) throws {
        self.socket = socket
        self.log = log
        self.epoch = epoch
        command = [
            samepage, "daemon", "--socket", socket, "--sleep-millisecs", "5", "--linger-seconds", "0",
            "--rewritten-pages", traps ? "trap" : "leave",
        ]
        program = try Program(command, log: log)
        epoch.begin()
        try waitForAnswer()
        idle = try descriptorsAtRest()
    }

    /// Ends it at any moment.
    func kill() {
        epoch.end()
        program.signal(SIGKILL)
        _ = program.reap()
    }

    func start() throws {
        program = try Program(command, log: log)
        epoch.begin()
    }

    /// Ends it as people do: the exit status.
    func end() -> Int32 {
        epoch.end()
        program.signal(SIGTERM)
        return program.reap()
    }

    func waitForAnswer() throws {
        let client = ControlClient(path: ControlSocket.path(besides: socket))
        let end = Raw.now + 20_000_000_000
        var last = ""
        while Raw.now < end {
            if program.hasEnded { throw TortureError(message: "the daemon has ended: see \(log)") }
            do throws(ControlError) {
                _ = try client.value(of: "run")
                return
            } catch {
                last = error.description
            }
            Raw.sleep(microseconds: 20_000)
        }
        throw TortureError(message: "the daemon does not answer within 20 s (\(last)): see \(log)")
    }

    func status() throws -> ControlStatus { try ControlClient(path: ControlSocket.path(besides: socket)).status() }

    func set(_ attribute: String, _ value: String) throws {
        try ControlClient(path: ControlSocket.path(besides: socket)).set(attribute, to: value)
    }

    /// Its open descriptors: how many of each kind.
    private var descriptors: [String: Int] {
        var found: [String: Int] = [:]
        let folder = "/proc/\(program.process)/fd"
        for name in FileTree.names(in: folder) {
            guard let target = FileTree.target(ofLink: "\(folder)/\(name)") else { continue }
            let kind = target.prefix { $0 != "[" || target.hasPrefix("anon_inode") }.prefix { !$0.isNumber }
            found[String(kind), default: 0] += 1
        }
        return found
    }

    /// The descriptors that it has when it has begun and does nothing. It answers before it serves programs and hears
    /// signals, so an answer is not enough: all its threads must sleep, from before its descriptors are looked at until
    /// after.
    private func descriptorsAtRest() throws -> [String: Int] {
        let end = Raw.now + 20_000_000_000
        var before = program.sleepers
        while Raw.now < end {
            if program.hasEnded { throw TortureError(message: "the daemon has ended: see \(log)") }
            let found = descriptors
            Raw.sleep(microseconds: 20_000)
            let after = program.sleepers
            if let before, before == after { return found }
            before = after
        }
        throw TortureError(message: "the daemon does not come to rest within 20 s although it has no programs")
    }

    /// What it still holds although all programs have ended; empty if nothing.
    func leftovers() throws -> [String] {
        var list: [String] = []
        // Before it is asked: the connection of a question is one more for a moment.
        let descriptors = descriptors
        let status = try status()
        if !status.clients.isEmpty { list.append("\(status.clients.count) clients") }
        if status.description.storedBytes > 0 { list.append("\(status.description.storedBytes) bytes of frames") }
        for name in ["pages_shared", "pages_sharing"] {
            if let value = status.number(name), value > 0 { list.append("\(name) \(value)") }
        }
        for (kind, count) in descriptors where count > idle[kind, default: 0] {
            list.append("\(count) descriptors of \(kind), \(idle[kind, default: 0]) at the start")
        }
        let maps = FileTree.text("/proc/\(program.process)/maps").split(separator: "\n")
        let memfds = maps.filter { $0.contains("memfd:") }
        if !memfds.isEmpty { list.append("\(memfds.count) maps of frames or buffers") }
        return list
    }
}

extension ControlStatus {
    /// An attribute or counter by its name.
    func number(_ name: String) -> Int? {
        (attributes + counters).first { $0.name == name }.flatMap { Int($0.value) }
    }

    /// Pages that were given back.
    var pagesGivenBack: Int { (number("pages_sharing") ?? 0) + (number("ksm_zero_pages") ?? 0) }
    var mergeableBytes: Int { clients.reduce(0) { $0 + $1.mergeableBytes } }
    var sharing: Int { number("pages_sharing") ?? 0 }
    var sharingText: String {
        let names = [
            "pages_shared", "pages_sharing", "ksm_zero_pages", "pages_unshared", "pages_volatile", "pages_refused",
        ]
        let numbers = names.map { "\($0) \(number($0) ?? 0)" }
        let orphans = clients.reduce(0) { $0 + $1.orphanedPages }
        var reasons: [String: Int] = [:]
        for client in clients { reasons.merge(client.notMerged) { $0 + $1 } }
        return (numbers + ["orphaned \(orphans)", "not merged \(reasons)"]).joined(separator: ", ")
    }
    var fullScans: Int { number("full_scans") ?? 0 }
}

/// Which daemon it is: counters begin anew with each. 0 while there is none.
final class Epoch: Sendable {
    private let state = Mutex((number: 0, isUp: false))

    func begin() { state.withLock { $0 = ($0.number + 1, true) } }
    func end() { state.withLock { $0.isUp = false } }
    var current: Int { state.withLock { $0.isUp ? $0.number : 0 } }
}
