import FoundationEssentials
import Glibc
import Testing
import samepage

/// `samepage run`, with real programs.
struct RunTests {
    private let folder: TemporaryFolder
    /// A library that does nothing to a program that has it anyway.
    private let library: String

    init() throws {
        folder = try TemporaryFolder()
        library = try #require(RunTests.loadedLibrary())
    }

    private func run(_ arguments: String..., set variables: [String] = []) async throws -> CommandResult {
        try await execute(
            ["/usr/bin/env", "-u", "LD_PRELOAD", "SAMEPAGE_AGENT=\(library)"] + variables
                + [samepagePath(), "run", "--socket", folder("none.sock")] + arguments)
    }

    /// The C library of this process.
    private static func loadedLibrary() -> String? {
        guard let file = unsafe fopen("/proc/self/maps", "r") else { return nil }
        defer { unsafe fclose(file) }
        var line = [CChar](repeating: 0, count: 4096)
        while unsafe fgets(&line, 4096, file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if let start = text.firstIndex(of: "/"), text.contains("/libc.so") || text.contains("/libc-") {
                return String(text[start...].filter { !$0.isNewline })
            }
        }
        return nil
    }

    private var noDaemon: String {
        "samepage: no daemon answers on \(folder("none.sock")): memory merges once 'samepage daemon' runs there\n"
    }

    @Test func theProgramGetsTheAgentAndItsSettings() async throws {
        let result = try await run("--merge-any", "--salt", "a b", "--", "/usr/bin/env")
        #expect(result.status == 0)
        #expect(result.errors == noDaemon)
        let lines = result.output.split(separator: "\n")
        #expect(
            lines.contains { $0.hasPrefix("LD_PRELOAD=/") && $0.hasSuffix("/\(library.split(separator: "/").last!)") })
        #expect(lines.contains("SAMEPAGE_SOCKET=\(folder("none.sock"))"))
        #expect(lines.contains("SAMEPAGE_MERGE_ANY=1"))
        #expect(lines.contains("SAMEPAGE_SALT=a b"))
    }

    @Test func theEnvironmentIsOtherwiseTheSame() async throws {
        let variables = ["LD_PRELOAD=\(library):\(library)", "EMPTY=", "ODD=a=b", "SAMEPAGE_SALT=mine"]
        let plain = try await execute(["/usr/bin/env"] + variables + ["/usr/bin/env"])
        let merged = try await run("env", set: variables)
        let changed = ["SAMEPAGE_AGENT=", "SAMEPAGE_SOCKET=", "LD_PRELOAD=", "_="]
        func others(_ text: String) -> [String] {
            text.split(separator: "\n").map(String.init).filter { line in !changed.contains { line.hasPrefix($0) } }
                .sorted()
        }
        #expect(others(merged.output) == others(plain.output))
        #expect(merged.output.split(separator: "\n").contains { $0.hasPrefix("LD_PRELOAD=/") })
    }

    @Test func theProgramIsTheSameProcess() async throws {
        let program = try start([
            "/usr/bin/env", "SAMEPAGE_AGENT=\(library)", samepagePath(), "run", "sh", "-c", "echo $$",
        ])
        let result = try await program.result()
        #expect(result.output == "\(program.process)\n")
    }

    @Test func argumentsAreTheProgramsOwn() async throws {
        let result = try await run("--", "/usr/bin/printf", "%s.", "--merge-any", "--", "-h", "", "a b")
        #expect(result.output == "--merge-any.--.-h..a b.")
        #expect(try await run("sh", "-c", "exit 7").status == 7)
        #expect(try await run("sh", "-c", "kill -9 $$").status == nil)
    }

    @Test func programsThatCannotBeStarted() async throws {
        try folder.write("text", "text".utf8)
        try folder.write("no-interpreter", "#!/nonexistent/interpreter\n".utf8, mode: 0o755)
        try folder.write("loop", "#!\(folder("loop"))\n".utf8, mode: 0o755)
        for (name, status) in [
            ("nosuchprogram", 127), (folder("nosuch"), 127), ("", 127), (folder("text"), 126), (folder.path, 126),
            (folder("text/x"), 127),
        ] as [(String, Int32)] {
            let result = try await run("--", name)
            #expect(result.status == status, "\(name)")
            #expect(result.output == "")
            #expect(
                result.isOneLineOfError && result.errors.hasPrefix("samepage: cannot start '\(name)': "),
                "\(result.errors)")
        }
        #expect(try await run("--", folder("no-interpreter")).status == 127)
        let loop = try await run("--", folder("loop"))
        #expect(loop.status == 126 && loop.isOneLineOfError)
    }

    /// What only execve itself finds out is all that is said.
    @Test func programsThatTheKernelRefuses() async throws {
        var bytes = Array(try Data(contentsOf: URL(filePath: "/usr/bin/env")))
        let busy = try folder.write("busy", bytes, mode: 0o755)
        let writer = unsafe open(busy, O_WRONLY | O_CLOEXEC)
        defer { close(writer) }
        let result = try await run("--", busy)
        // Linux 6.11 and 6.12 let it start.
        if result.status != 0 {
            #expect(result.status == 126 && result.isOneLineOfError && result.errors.contains("cannot start"))
        }
        let loader = Array("/ld-linux".utf8)
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: loader) })
        bytes[place + 1] = UInt8(ascii: "X")
        let unloadable = try await run("--", try folder.write("unloadable", bytes, mode: 0o755))
        #expect(unloadable.status == 127 && unloadable.isOneLineOfError, "\(unloadable.errors)")
    }

    @Test func theSameStatusesAsEnv() async throws {
        try folder.write("text", "text".utf8)
        try folder.write("no-interpreter", "#!/nonexistent/interpreter\n".utf8, mode: 0o755)
        for name in ["nosuchprogram", folder("nosuch"), folder("text"), folder.path, folder("no-interpreter")] {
            #expect(try await run("--", name).status == (try await execute(["/usr/bin/env", name]).status))
        }
    }

    @Test func scripts() async throws {
        let script = try folder.write("script", "#! /bin/sh -e\necho \"$LD_PRELOAD $1\"\n".utf8, mode: 0o755)
        let result = try await run("--", script, "x")
        #expect(result.output.hasPrefix("/") && result.output.hasSuffix(" x\n"))
        #expect(result.errors == noDaemon)
        // Without a first line that names its interpreter.
        let plain = try folder.write("plain", "echo \"$1\"\n".utf8, mode: 0o755)
        #expect(try await run("--", plain, "y").output == "y\n")
    }

    @Test func staticPrograms() async throws {
        let program = try folder.write("static", StaticProgram.bytes(exitStatus: 7), mode: 0o755)
        let result = try await run("--", program)
        #expect(result.status == 7)
        #expect(result.errors == "samepage: \(program) is not merged: it is statically linked\n")
        let script = try folder.write("script", "#!\(program)\n".utf8, mode: 0o755)
        let read = try await run("--", script)
        #expect(read.status == 7)
        #expect(read.errors == "samepage: \(script) is not merged: its interpreter \(program) is statically linked\n")
    }

    @Test func limitedAddressSpace() async throws {
        let program = try samepagePath()
        let command = "ulimit -v 8000000; exec env SAMEPAGE_AGENT='\(library)' '\(program)' run -- /bin/true"
        let result = try await execute(["/bin/sh", "-c", command])
        #expect(result.status == 0)
        #expect(result.errors.hasPrefix("samepage: /bin/true is not merged: its address space is limited"))
    }

    @Test func programsForOtherProcessors() async throws {
        var bytes = StaticProgram.bytes(exitStatus: 7)
        bytes[18] = 8
        let program = try folder.write("foreign", bytes, mode: 0o755)
        let result = try await run("--", program)
        #expect(result.errors.hasPrefix("samepage: \(program) is not merged: it is for another kind of processor\n"))
        #expect(result.status != 7)
    }

    @Test(.enabled(if: Permissions.isRoot, "root, to give a program to another user"))
    func programsThatGainRights() async throws {
        let program = folder("suid")
        #expect(try await execute(["/bin/cp", "/usr/bin/true", program]).status == 0)
        try #require(unsafe chown(program, 65534, 65534) == 0)
        for (mode, reason) in [(0o4755, "setuid"), (0o2755, "setgid")] as [(mode_t, String)] {
            try #require(unsafe chmod(program, mode) == 0)
            let result = try await run("--", program)
            #expect(result.status == 0)
            #expect(result.errors == "samepage: \(program) is not merged: it is \(reason)\n")
        }
        // The rights are those that it has anyway.
        try #require(unsafe chown(program, 0, 0) == 0 && chmod(program, 0o6755) == 0)
        #expect(try await run("--", program).errors == noDaemon)
    }

    @Test func theAgentMustBeThere() async throws {
        let library = folder("nosuch.so")
        let result = try await execute(["/usr/bin/env", "SAMEPAGE_AGENT=\(library)", samepagePath(), "run", "true"])
        #expect(result.status == 1 && result.isOneLineOfError)
        #expect(result.errors.contains("SAMEPAGE_AGENT names '\(library)', which cannot be read"))
        try folder.write("a b.so", [])
        #expect(throws: CommandFailure.self) { try AgentLibrary.find(chosen: folder("a b.so"), beside: nil) }
        #expect(throws: CommandFailure.self) { try AgentLibrary.find(chosen: nil, beside: folder.path) }
        let here = try folder.write(AgentLibrary.fileName, [])
        #expect(try AgentLibrary.find(chosen: nil, beside: folder.path) == here)
        #expect(try AgentLibrary.find(chosen: here, beside: nil) == here)
        #expect(
            try AgentLibrary.find(chosen: nil, beside: "\(folder.path)/../\(folder.path.split(separator: "/").last!)")
                == here)
    }

    @Test func whereTheDaemonIs() {
        func resolve(_ asked: String?, _ use: SocketPath.Use, _ variables: [String: String]) -> String {
            SocketPath.resolve(asked, use) { variables[$0] }
        }
        let all = ["SAMEPAGE_SOCKET": "/a/s", "XDG_RUNTIME_DIR": folder.path]
        #expect(resolve("/b/s", .toConnect, all) == "/b/s")
        #expect(resolve(nil, .toConnect, all) == "/a/s")
        #expect(resolve(nil, .toListen, ["XDG_RUNTIME_DIR": folder.path]) == folder("samepage.sock"))
        #expect(resolve(nil, .toListen, [:]) == "/run/samepage.sock")
        #expect(resolve("s", .toListen, [:]).hasPrefix("/") && resolve("s", .toListen, [:]).hasSuffix("/s"))
    }
}

/// The smallest program that needs no loader.
enum StaticProgram {
    /// An ELF file that ends with a status.
    static func bytes(exitStatus: UInt8) -> [UInt8] {
        #if arch(x86_64)
            let machine: UInt8 = 62
            // mov edi, status; mov eax, 231 (exit_group); syscall
            let code: [UInt8] = [0xBF, exitStatus, 0, 0, 0, 0xB8, 231, 0, 0, 0, 0x0F, 0x05]
        #else
            let machine: UInt8 = 183
            // mov x0, status; mov x8, 94 (exit_group); svc 0
            let code: [UInt8] =
                words([0xD280_0000 | UInt32(exitStatus) << 5, 0xD280_0000 | 94 << 5 | 8, 0xD400_0001])
        #endif
        let start: UInt64 = 0x40_0000
        let size = UInt64(120 + code.count)
        var bytes: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        bytes += [2, 0, machine, 0] + words([1]) + longs([start + 120, 64, 0]) + words([0])
        bytes += [64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]
        // PT_LOAD, readable and executable
        bytes += words([1, 5]) + longs([0, start, start, size, size, 4096])
        return bytes + code
    }

    private static func words(_ words: [UInt32]) -> [UInt8] {
        words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * UInt32($0))) } }
    }

    private static func longs(_ longs: [UInt64]) -> [UInt8] {
        longs.flatMap { long in (0..<8).map { UInt8(truncatingIfNeeded: long >> (8 * UInt64($0))) } }
    }
}
