import Glibc
import Testing

/// The interpreter.
enum Python {
    /// Debian's own if there is one.
    static func path() throws -> String {
        let path = Machine.exists("/usr/bin/python3") ? "/usr/bin/python3" : Machine.program("python3")
        return try #require(path, "no python3")
    }

    static let isThere = (try? path()) != nil

    /// The command for a script. Where the interpreter's own code may lie anywhere, its objects differ in every
    /// process; then it is started without that.
    static func command(_ script: String, _ argument: Int) throws -> [String] {
        let path = try path()
        let file = Machine.open(path, O_RDONLY)
        defer { close(file) }
        let head = Machine.start(file)
        // e_type of the ELF header: 2 is a program with addresses of its own.
        let setarch = head.count > 16 && head[16] == 2 ? [] : try [#require(Machine.program("setarch")), "-R"]
        return setarch + [path, "\(Machine.programs)/\(script).py", "\(argument)"]
    }
}

extension RealPrograms {
    /// python3 as it comes.
    @Suite(.enabled(if: Python.isThere, "needs python3"))
    struct PythonTests {
        @Test(.timeLimit(.minutes(5))) func memoryThatAScriptMarks() async throws {
            try await merges("mapped", 8192, mergeAny: false)
        }

        @Test(.timeLimit(.minutes(5))) func plainObjects() async throws {
            try await merges("objects", 300_000, mergeAny: true)
        }

        private func merges(_ script: String, _ argument: Int, mergeAny: Bool) async throws {
            let daemon = try await TestDaemon(["--run", "0"])
            var children: [Child] = []
            for _ in 0..<3 {
                children.append(try Child(daemon.agent(mergeAny: mergeAny) + Python.command(script, argument)))
            }
            var areas: [String] = []
            var processes: [pid_t] = []
            for child in children {
                let fields = try await child.line(within: .seconds(60)).split(separator: " ").compactMap { Int($0) }
                processes.append(pid_t(fields[0]))
                areas.append(
                    fields.count == 3
                        ? Area(process: pid_t(fields[0]), start: UInt(fields[1]), bytes: fields[2]).argument
                        : "\(fields[0])")
            }
            try await daemon.waitForClients(3, mergeableBytes: 3 << 20)
            let counted = try await Programs.shared.duplicates(areas)
            #expect(counted.duplicates > counted.pages / 4, "the scripts give too little to merge")
            let before = processes.reduce(0) { $0 + Accounts.own(of: $1) }

            try await daemon.set("run", 1)
            let status = try await daemon.waitUntilSettled()
            let after = processes.reduce(0) { $0 + Accounts.own(of: $1) } + daemon.storedBytes
            let saved = (before - after) / 4096
            print("\(script).py: \(saved) of \(counted.duplicates) duplicate pages given back")
            #expect(saved * 10 >= counted.duplicates * 8, "\(saved) of \(counted), \(status)")
            #expect(status.pagesGivenBack * 10 >= counted.duplicates * 8, "\(counted), \(status)")

            for child in children {
                let answer = try await child.ask("look")
                #expect(answer == "ok")
            }
            for child in children {
                let status = try await child.finish()
                #expect(status == 0)
                #expect(child.errors == "")
            }
        }
    }
}
