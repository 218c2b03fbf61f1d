import ControlSocket
import FrontEnd
import Glibc
import Synchronization
import Testing
import samepage

/// The control socket in front of a merger that only answers.
@Suite(.timeLimit(.minutes(1)))
struct ControlSocketTests {
    private let folder: TemporaryFolder
    private let path: String
    private let control = FakeControl()

    init() throws {
        folder = try TemporaryFolder()
        path = folder("d.sock.control")
    }

    /// Does something while the socket is served.
    private func serving<R>(_ body: (ControlClient) async throws -> R) async throws -> R {
        let (path, control) = (path, control)
        let server = Task { try await ControlSocket(path: path).run(control) }
        defer { server.cancel() }
        try #require(await eventually { (try? ControlClient(path: path).value(of: "run")) != nil })
        let result = try await body(ControlClient(path: path))
        server.cancel()
        try await server.value
        #expect(unsafe access(path, F_OK) != 0, "the file is gone")
        return result
    }

    @Test func statusIsWhatTheMergerSays() async throws {
        let status = try await serving { try $0.status() }
        #expect(status == (try ControlStatus(of: control.asSeen(by: geteuid()))))
        guard geteuid() == 0 else { return }
        #expect(status.pageSize == 4096)
        #expect(status.description == (try control.description()))
        #expect(status.clients == (try control.clients().reversed()))
        #expect(status.attributes.map(\.name) == (try control.attributes()))
        #expect(status.attributes.first { $0.name == "odd" }?.value == "two\nlines\\ \u{1B}[1m")
        #expect(status.counters.contains { $0.name == "not_merged_map_limit" && $0.value == "4" })
    }

    @Test(.enabled(if: Permissions.isRoot, "root, who may set"))
    func attributes() async throws {
        try await serving { client in
            try client.set("row_length", to: "16")
            #expect(try client.value(of: "row_length") == "16")
            try client.set("row_length", to: "a value of words")
            #expect(try client.value(of: "row_length") == "a value of words")
            #expect(throws: ControlError.self) { try client.value(of: "nosuch") }
            #expect(throws: ControlError.self) { try client.value(of: "two words") }
            #expect(throws: ControlError.self) { try client.set("nosuch", to: "1") }
        }
    }

    @Test(.enabled(if: Permissions.isRoot, "root, to become a user without rights"))
    func whoAsksIsWhatTheKernelSays() async throws {
        let socket = folder("d.sock")
        try await serving { _ in
            let get = try await samepage(arguments: ["get", "run", "--socket", socket], asNobody: true)
            // Where nobody cannot reach the build there is nothing to see.
            if get.status == 0 { #expect(get.output == "stranger\n") }
            let set = try await samepage(arguments: ["set", "run", "0", "--socket", socket], asNobody: true)
            if get.status == 0 { #expect(set.errors == "samepage: only root may\n" && set.status == 1) }
            #expect(try await samepage("get", "run", "--socket", socket).output == "1\n")
        }
    }

    @Test(.enabled(if: Permissions.isRoot, "root, who may set"))
    func aSlowRequestHoldsUpNobody() async throws {
        try await serving { client in
            let slow = Task.detached { try client.set("odd", to: "slow") }
            // Without giving up this thread, which other tests may take for longer than the request is slow.
            for _ in 0..<12_000 where !control.isSlow.load(ordering: .acquiring) { usleepTenMilliseconds() }
            let isSlow = control.isSlow.load(ordering: .acquiring)
            #expect(isSlow)
            let status = try client.status()
            #expect(status.attributes.first { $0.name == "odd" }?.value != "slow", "it waited for the slow request")
            control.isSlow.store(false, ordering: .releasing)
            try await slow.value
            #expect(try client.value(of: "odd") == "slow")
        }
    }

    @Test func requestsThatMakeNoSense() async throws {
        try await serving { _ in
            for request in ["", "nosuch", "get", "get ", "status now", "set run", "\u{0}", "GET run"] {
                let answer = try RawConnection(path).ask(request + "\n")
                #expect(answer.hasPrefix("error ") && answer.hasSuffix("\n"), "\(request): \(answer)")
            }
            // One after another, in one write, and a last one that is not whole.
            let connection = try RawConnection(path)
            connection.send("get run\nget nosuch\nget run\nget r")
            connection.finish()
            let value = geteuid() == 0 ? "1" : "stranger"
            let failure = geteuid() == 0 ? "error there is no attribute 'nosuch'\n" : "value stranger\nok\n"
            #expect(connection.rest() == "value \(value)\nok\n\(failure)value \(value)\nok\n")
        }
    }

    @Test func aRequestWithoutEndIsRefused() async throws {
        try await serving { client in
            let connection = try RawConnection(path)
            connection.send(String(repeating: "x", count: 4096))
            #expect(connection.rest() == "error the request is longer than 4096 bytes\n")
            _ = try client.status()
        }
    }

    @Test func manyConnections() async throws {
        try await serving { client in
            let connections = try (0..<40).map { _ in try RawConnection(path) }
            // Root is never kept out; others have 16 connections each.
            let answers = try connections.map { try $0.ask("get run\n", finishing: true) }
            #expect(answers.count { $0.hasSuffix("ok\n") } >= 16)
            #expect(geteuid() != 0 || answers.allSatisfy { $0.hasSuffix("ok\n") })
            #expect(await eventually { (try? client.status()) != nil })
        }
    }

    @Test func modeIsForTheOwner() async throws {
        try await serving { _ in
            var status = stat()
            #expect(unsafe lstat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
        }
    }

    @Test func aSocketThatNobodyAnswersIsReplaced() async throws {
        let dead = try RawConnection.bind(path)
        close(dead)
        _ = try await serving { try $0.status() }
    }

    @Test func aSocketInUseIsLeftAlone() async throws {
        try await serving { client in
            await #expect(throws: ControlError.self) { try await ControlSocket(path: path).run(control) }
            _ = try client.status()
        }
    }

    @Test func whatIsNoSocketIsLeftAlone() async throws {
        try folder.write("d.sock.control", "content".utf8)
        let error = await #expect(throws: ControlError.self) { try await ControlSocket(path: path).run(control) }
        #expect(error?.description.contains("is no socket") == true)
        #expect(unsafe access(path, F_OK) == 0)
    }

    @Test func pathsThatCannotBe() async throws {
        for path in ["", folder("nosuch/d.sock"), folder(String(repeating: "x", count: 108))] {
            let error = await #expect(throws: ControlError.self) { try await ControlSocket(path: path).run(control) }
            #expect(error?.code == .cannotListen)
        }
    }

    @Test func nobodyAnswers() throws {
        #expect(throws: ControlError.self) { try ControlClient(path: path).status() }
        let dead = try RawConnection.bind(path)
        close(dead)
        do throws(ControlError) {
            _ = try ControlClient(path: path).status()
            Issue.record("nobody is there")
        } catch {
            #expect(error.code == .nobodyAnswers)
        }
    }
}
