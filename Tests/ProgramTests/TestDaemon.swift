import FoundationEssentials
import Glibc
import Testing

/// What `samepage status --json` says: the fields that tests look at.
struct Status: Decodable {
    struct Client: Decodable {
        let pid: pid_t
        let command: String
        let mergeableBytes: Int
        let pagesSharing: Int
        let profitBytes: Int
        /// Bytes by reason.
        let notMerged: [String: Int]
    }

    let run: Int
    let fullScans: Int
    let pagesShared: Int
    let pagesSharing: Int
    let ksmZeroPages: Int
    let clients: [Client]

    /// Pages that were given back.
    var pagesGivenBack: Int { pagesSharing + ksmZeroPages }

    init(json: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(Status.self, from: Data(json.utf8))
    }
}

/// A daemon of the test's own, on a socket in a folder of its own.
final class TestDaemon {
    let folder: Folder
    let socket: String
    let arguments: [String]
    let prefix: [String]
    private(set) var child: Child
    /// The command that becomes `samepage` where somebody else asks: a daemon that is not trusted is asked nothing.
    var asker = [Machine.samepage]

    /// Starts a daemon and waits until it answers. `prefix` is a command that becomes the daemon's.
    init(_ arguments: [String] = [], prefix: [String] = []) async throws {
        folder = try Folder()
        socket = "\(folder.path)/socket"
        self.arguments = arguments
        self.prefix = prefix
        child = try TestDaemon.start(socket, arguments, prefix)
        try await waitForAnswer()
    }

    /// Takes a daemon that was started elsewhere.
    init(socket: String, folder: Folder, child: Child) {
        (self.socket, self.folder, self.child) = (socket, folder, child)
        arguments = []
        prefix = []
    }

    private static func start(_ socket: String, _ arguments: [String], _ prefix: [String]) throws -> Child {
        try Child(prefix + [Machine.samepage, "daemon", "--socket", socket] + arguments)
    }

    private func waitForAnswer() async throws {
        try await eventually("the daemon answers", within: .seconds(20)) {
            if child.hasEnded { throw Trouble("the daemon ended: \(child.errors)") }
            return try await command(["status", "--json"]).status == 0
        }
    }

    /// Starts it again, after it has ended.
    func restart() async throws {
        child = try TestDaemon.start(socket, arguments, prefix)
        try await waitForAnswer()
    }

    /// Lets it end by a signal; the exit status, or 128 and the signal's number.
    @discardableResult
    func end(_ signal: Int32 = SIGTERM) async throws -> Int32 {
        kill(child.process, signal)
        return try await child.end(within: .seconds(20))
    }

    /// A command of `samepage` about this daemon.
    func command(_ arguments: [String], prefix: [String] = []) async throws -> Run {
        try await run(prefix + asker + arguments + ["--socket", socket])
    }

    func status(prefix: [String] = []) async throws -> Status {
        let result = try await command(["status", "--json"], prefix: prefix)
        guard result.status == 0 else { throw Trouble("status: \(result.errors) \(child.errors)") }
        return try Status(json: result.output)
    }

    /// `full_scans`, without asking any client.
    func fullScans() async throws -> Int {
        let result = try await command(["get", "full_scans"])
        return try #require(Int(result.output.filter(\.isNumber)), "\(result.errors)")
    }

    func set(_ name: String, _ value: Int) async throws {
        let result = try await command(["set", name, "\(value)"])
        guard result.status == 0 else { throw Trouble("set \(name) \(value): \(result.errors)") }
    }

    /// The command that becomes a program with the agent loaded.
    func agent(mergeAny: Bool = false) -> [String] {
        [Machine.samepage, "run", "--socket", socket] + (mergeAny ? ["--merge-any"] : []) + ["--"]
    }

    /// Bytes of merged contents, by the kernel's account.
    var storedBytes: Int { Accounts.stored(by: child.process, name: "memfd:samepage-frames") }

    /// Waits until so many clients are there with as much mergeable memory.
    @discardableResult
    func waitForClients(_ count: Int, mergeableBytes: Int = 0, within limit: Duration = .seconds(30)) async throws
        -> Status
    {
        var last: Status?
        try await eventually("\(count) clients with \(mergeableBytes) mergeable bytes", within: limit) {
            let status = try await status()
            last = status
            return status.clients.count == count
                && status.clients.reduce(0) { $0 + $1.mergeableBytes } >= mergeableBytes
        } found: {
            "\(String(describing: last?.clients)); \(child.errors)"
        }
        return try #require(last)
    }

    /// Waits for full scans from now on; the one under way does not count.
    @discardableResult
    func waitForFullScans(_ count: Int, within limit: Duration = .seconds(120)) async throws -> Status {
        let start = try await status().fullScans
        var last: Status?
        try await eventually("\(count) full scans", within: limit) {
            let status = try await status()
            last = status
            return status.fullScans > start + count
        } found: {
            "\(String(describing: last)); \(child.errors)"
        }
        return try #require(last)
    }

    /// Waits until full scans find nothing more worth mentioning.
    @discardableResult
    func waitUntilSettled(within limit: Duration = .seconds(180)) async throws -> Status {
        let end = ContinuousClock.now + limit
        var last = try await waitForFullScans(2, within: limit)
        while true {
            let next = try await waitForFullScans(1, within: end - ContinuousClock.now)
            if next.pagesGivenBack - last.pagesGivenBack <= next.pagesGivenBack / 200 { return next }
            last = next
        }
    }
}

/// Waits until something is so; `found` tells what was seen instead.
func eventually(
    _ what: String, within limit: Duration, every pause: Duration = .milliseconds(100),
    isolation: isolated (any Actor)? = #isolation, _ isSo: () async throws -> Bool, found: () -> String = { "" }
) async throws {
    let end = ContinuousClock.now + limit
    while true {
        // One that begins in time counts, however long it takes to look.
        let isLate = ContinuousClock.now > end
        if try await isSo() { return }
        if isLate { throw Trouble("not within \(limit): \(what); \(found())") }
        try await Task.sleep(for: pause)
    }
}
