import FoundationEssentials
import Glibc
import Testing

/// `samepage daemon`, and the commands that ask it.
@Suite(.timeLimit(.minutes(1)))
struct DaemonCommandTests {
    private let folder: TemporaryFolder
    private let socket: String

    init() throws {
        folder = try TemporaryFolder()
        socket = folder("d.sock")
    }

    /// Starts a daemon, and returns when it answers.
    private func daemon(_ arguments: String..., set variables: [String] = []) async throws -> RunningProgram {
        let daemon = try start(
            ["/usr/bin/env"] + variables + [samepagePath(), "daemon", "--socket", socket] + arguments)
        try #require(await eventually { try await get("run").status == 0 }, "\(daemon.errorsSoFar)")
        return daemon
    }

    private func get(_ name: String) async throws -> CommandResult {
        try await samepage("get", name, "--socket", socket)
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func aDaemonComesAndGoes(signal: Int32) async throws {
        let daemon = try await daemon("--row-length", "16")
        #expect(try await get("row_length").output == "16\n")
        daemon.signal(signal)
        let result = try await daemon.result()
        #expect(result.status == 0)
        #expect(result.output == "")
        for path in [socket, "\(socket).control"] { #expect(unsafe access(path, F_OK) != 0, "\(path) is gone") }
        let after = try await get("run")
        #expect(after.status == 1 && after.isOneLineOfError)
        #expect(after.errors == "samepage: no daemon answers on \(socket): start one with 'samepage daemon'\n")
    }

    @Test func statusForPrograms() async throws {
        let daemon = try await daemon("--checksum", "jhash2", "--run", "0")
        let result = try await samepage("status", "--json", "--socket", socket)
        #expect(result.status == 0 && result.errors == "")
        let status = try JSONDecoder().decode(StatusResult.self, from: Data(result.output.utf8))
        #expect(status.run == 0 && status.pages_shared == 0 && status.full_scans == 0 && status.row_length == 64)
        #expect(status.vma_budget_percent == 50 && status.max_kernel_pages == 0 && status.uptime_seconds >= 0)
        #expect(status.clients.isEmpty)
        #expect(status.strategies.checksum == "jhash2" && status.strategies.memory == "daemon")
        #expect(status.strategies.frontEnds == ["control"])
        let text = try await samepage("status", "--socket", socket)
        #expect(text.output.hasPrefix("Daemon on \(socket): stopped: run is 0, up "))
        daemon.signal(SIGTERM)
        _ = try await daemon.result()
    }

    @Test func attributesAreSetAndRefused() async throws {
        let daemon = try await daemon()
        let set = try await samepage("set", "pages_to_scan", "123", "--socket", socket)
        #expect(set.status == 0 && set.output == "" && set.errors == "")
        #expect(try await get("pages_to_scan").output == "123\n")
        for (name, value) in [("pages_to_scan", "many"), ("pages_shared", "1"), ("nosuch", "1"), ("run", "3")] {
            let result = try await samepage("set", name, value, "--socket", socket)
            #expect(result.status == 1 && result.isOneLineOfError && result.output == "", "\(name): \(result.errors)")
        }
        #expect(try await get("nosuch").isOneLineOfError)
        for arguments in [["get", "run"], ["set", "run", "1"], ["status"]] {
            let result = try await samepage(arguments: arguments + ["--dialect", "2010", "--socket", socket])
            #expect(result.status == 64 && result.errors.contains("2010") && result.output == "")
        }
        daemon.signal(SIGTERM)
        _ = try await daemon.result()
    }

    /// What a daemon says in the words of 2009, and one of today when it is asked for them.
    @Test(arguments: [false, true])
    func theDialectOf2009(isFirst: Bool) async throws {
        let daemon = try await daemon("--dialect", isFirst ? "2009" : "linux")
        let other = isFirst ? "linux" : "2009"
        let names = { (text: String) in
            // The table of attributes is the last one.
            let words = text.split(separator: "\n").map { String($0.split(separator: " ").first ?? "") }
            return Array(words.reversed().prefix { $0 != "Attribute" }.reversed()) as [String]
        }
        let own = try await samepage("status", "--socket", socket)
        let asked = try await samepage("status", "--socket", socket, "--dialect", other)
        let first = [
            "run", "pages_to_scan", "sleep_millisecs", "max_kernel_pages", "kernel_pages_allocated", "pages_shared",
        ]
        #expect(names((isFirst ? own : asked).output) == first)
        #expect(names((isFirst ? asked : own).output).contains("pages_volatile"))
        #expect(try await get("kernel_pages_allocated").output == "0\n")
        #expect(try await get("pages_to_scan").output == (isFirst ? "0\n" : "32768\n"))
        #expect(own.output.contains("stopped: pages_to_scan is 0") == isFirst)
        let refused = try await samepage("set", "kernel_pages_allocated", "1", "--socket", socket)
        #expect(refused.status == 1 && refused.isOneLineOfError)
        daemon.signal(SIGTERM)
        _ = try await daemon.result()
    }

    @Test func theConfigurationIsReadAgain() async throws {
        let file = try folder.write("c.yaml", "rowLength: 32\npagesToScan: 1000\nsleepMillisecs: 7".utf8)
        let daemon = try await daemon("--config", file, "--sleep-millisecs", "9", set: ["SAMEPAGE_ROWLENGTH=1"])
        #expect(try await get("sleep_millisecs").output == "9\n")
        #expect(daemon.errorsSoFar.contains("warning: SAMEPAGE_ROWLENGTH is no key of the configuration"))
        _ = try await samepage("set", "pages_to_scan", "77", "--socket", socket)
        try folder.write("c.yaml", "rowLength: 8\npagesToScan: 1000\nsleepMillisecs: 8\nchecksum: jhash2".utf8)
        daemon.signal(SIGHUP)
        #expect(await eventually { daemon.errorsSoFar.contains("notice: configuration read again") })
        #expect(try await get("row_length").output == "8\n")
        #expect(try await get("pages_to_scan").output == "77\n", "what was set by hand and did not change stays")
        #expect(try await get("sleep_millisecs").output == "9\n")
        #expect(
            await eventually {
                daemon.errorsSoFar.contains("warning: changed, but used only after a restart: checksum\n")
            })

        try folder.write("c.yaml", "rowLength: 4\nnosuch: 1".utf8)
        daemon.signal(SIGHUP)
        let complaint = "error: configuration not taken: \(file): there is no key 'nosuch'"
        #expect(await eventually { daemon.errorsSoFar.contains(complaint) })
        #expect(try await get("row_length").output == "8\n")
        daemon.signal(SIGTERM)
        #expect(try await daemon.result().status == 0)
    }

    @Test func aDaemonThatStartsIsNotEndedByBeingToldToRead() async throws {
        let daemon = try start([samepagePath(), "daemon", "--socket", socket])
        #expect(await eventually { daemon.errorsSoFar.contains("serving user") })
        for _ in 0..<100 {
            daemon.signal(SIGHUP)
            usleep(1000)
        }
        #expect(try await eventually { try await get("run").status == 0 }, "\(daemon.errorsSoFar)")
        daemon.signal(SIGTERM)
        #expect(try await daemon.result().status == 0)
    }

    /// Whichever of the two sockets is made first.
    @Test func noFolderForTheSocket() async throws {
        for _ in 0..<4 {
            let result = try await samepage("daemon", "--socket", folder("nosuch/d.sock"), "--log-level", "critical")
            #expect(result.status == 1 && result.isOneLineOfError, "\(result.errors)")
            #expect(result.errors.contains("does not exist: make it, or choose another path with --socket"))
        }
    }

    @Test func aSecondDaemonIsRefused() async throws {
        let first = try await daemon()
        let second = try await samepage("daemon", "--socket", socket)
        #expect(second.status == 1 && second.isOneLineOfError, "\(second.errors)")
        #expect(try await get("run").status == 0)
        first.signal(SIGTERM)
        #expect(try await first.result().status == 0)
    }

    @Test func aDaemonThatWasKilledLeavesNothingInTheWay() async throws {
        let first = try await daemon()
        first.signal(SIGKILL)
        #expect(try await first.result().status == nil)
        let second = try await daemon()
        second.signal(SIGTERM)
        #expect(try await second.result().status == 0)
    }

    @Test func aFrontEndThatCannotStart() async throws {
        try folder.write("d.sock.control", [])
        let result = try await samepage("daemon", "--socket", socket, "--log-level", "critical")
        #expect(result.status == 1 && result.isOneLineOfError, "\(result.errors)")
        #expect(result.errors.contains("cannot listen on \(socket).control: the file exists and is no socket"))
        #expect(unsafe access(socket, F_OK) != 0, "the daemon has cleaned up")
    }

    @Test func withoutAControlSocket() async throws {
        let daemon = try start([samepagePath(), "daemon", "--socket", socket, "--front-ends="])
        #expect(await eventually { unsafe access(socket, F_OK) == 0 })
        let status = try await samepage("status", "--socket", socket)
        #expect(
            status.errors
                == "samepage: the daemon on \(socket) has no front end 'control': start it with frontEnds control\n")
        daemon.signal(SIGTERM)
        #expect(try await daemon.result().status == 0)
    }

    @Test func theTerminalViewIsSilentWithoutATerminal() async throws {
        let daemon = try await daemon("--front-ends", "control,terminal", "--log-level", "warning")
        daemon.signal(SIGTERM)
        let result = try await daemon.result()
        #expect(result.status == 0 && result.output == "" && !result.errors.contains("\u{1B}"))
    }

    @Test(arguments: [
        ["--row-length"], ["--row-length", "0"], ["--nosuch", "1"], ["stray"], ["--dialect", "2010"],
        ["--log-level", "loud"], ["--salt", "a", "--salt", "b"], ["--socket", ""], ["--front-ends", "nosuch"],
        ["--socket", "/\(String(repeating: "x", count: 100))"],
    ])
    func wrongCommandLine(arguments: [String]) async throws {
        let result = try await samepage(arguments: ["daemon"] + arguments)
        #expect(result.status == 64 && result.output == "" && result.isOneLineOfError, "\(result.errors)")
    }

    @Test(arguments: [
        ["--config", "/nonexistent.yaml"], ["--config", "/etc/passwd"], ["--memory", "in-process"],
        ["--client-group", "nosuchgroup"], ["--socket", "/nonexistent/d.sock"],
    ])
    func daemonsThatCannotStart(arguments: [String]) async throws {
        let place = arguments.contains("--socket") ? [] : ["--socket", socket]
        let result = try await samepage(arguments: ["daemon"] + arguments + place)
        #expect(result.status == 1 && result.output == "" && result.isOneLineOfError, "\(result.errors)")
    }

    @Test(.enabled(if: Permissions.isRoot, "root, to become a user without rights"))
    func othersAreToldWhy() async throws {
        let daemon = try await daemon()
        let nobody = try await samepage(arguments: ["get", "run", "--socket", socket], asNobody: true)
        // Where nobody cannot reach the build there is nothing to see.
        if nobody.status == 0 {
            let set = try await samepage(arguments: ["set", "run", "0", "--socket", socket], asNobody: true)
            #expect(set.status == 1 && set.isOneLineOfError)
            _ = unsafe chmod("\(socket).control", 0o660)
            let get = try await samepage(arguments: ["get", "run", "--socket", socket], asNobody: true)
            let owner = "\(socket).control belongs to user root and group root"
            #expect(get.errors == "samepage: \(owner): become a member of group root\n")
        }
        daemon.signal(SIGTERM)
        _ = try await daemon.result()
    }
}

/// What `samepage status --json` prints: the fields that tests look at.
private struct StatusResult: Decodable {
    struct Client: Decodable { let pid: Int32 }
    struct Strategies: Decodable {
        let checksum, stableTree, unstableTree, policy, memory: String
        let frontEnds: [String]
    }

    let run, pages_to_scan, pages_shared, pages_sharing, full_scans, row_length, vma_budget_percent: Int
    let max_kernel_pages, general_profit, uptime_seconds: Int
    let clients: [Client]
    let strategies: Strategies
}
