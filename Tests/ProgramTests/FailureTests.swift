import Glibc
import Testing

extension RealPrograms {
    /// What goes wrong is said in one line and by the exit status; programs run on as if nothing had been asked.
    struct FailureTests {
        @Test(
            .timeLimit(.minutes(1)),
            arguments: [
                ["run"], ["run", "--"], ["run", "--nosuch", "--", "/bin/true"], ["status", "--nosuch"],
                ["status", "stray"], ["get"], ["set", "run"], ["daemon", "--nosuch"], ["daemon", "--run", "many"],
            ])
        func wrongCommandLine(_ arguments: [String]) async throws {
            let result = try await run([Machine.samepage] + arguments)
            #expect(result.status == 64)
            #expect(result.output == "")
            #expect(result.isOneLineOfError, "\(result.errors)")
        }

        @Test(
            .timeLimit(.minutes(1)),
            arguments: [["status"], ["status", "--json"], ["get", "run"], ["set", "run", "1"]])
        func noDaemon(_ arguments: [String]) async throws {
            let folder = try Folder()
            let result = try await run([Machine.samepage] + arguments + ["--socket", "\(folder.path)/none"])
            #expect(result.status == 1)
            #expect(result.output == "")
            #expect(result.isOneLineOfError && result.errors.contains("\(folder.path)/none"), "\(result.errors)")
        }

        @Test(.timeLimit(.minutes(1))) func programsRunWithoutADaemon() async throws {
            let folder = try Folder()
            let prefix = [Machine.samepage, "run", "--socket", "\(folder.path)/none", "--merge-any", "--"]
            let result = try await run(prefix + ["/bin/sh", "-c", "echo here; exit 7"])
            #expect(result.status == 7)
            #expect(result.output == "here\n")
            #expect(result.isOneLineOfError && result.errors.contains("\(folder.path)/none"), "\(result.errors)")
            var worker = try await Worker.start(prefix)
            try await worker.map(pages: 1024, seed: 5)
            try await worker.tell("mark")
            try await worker.verify()
            let ended = try await worker.child.finish()
            #expect(ended == 0)
        }

        @Test(.timeLimit(.minutes(1))) func programsThatCannotBeStarted() async throws {
            for (program, status) in [("/nonexistent/program", 127), ("no-such-program", 127), ("/etc/passwd", 126)] {
                let result = try await run([Machine.samepage, "run", "--", program])
                #expect(result.status == Int32(status), "\(program)")
                #expect(result.output == "")
                #expect(result.isOneLineOfError, "\(result.errors)")
            }
        }

        @Test(.timeLimit(.minutes(1))) func attributes() async throws {
            let daemon = try await TestDaemon()
            for arguments in [
                ["get", "nosuch"], ["set", "nosuch", "1"], ["set", "run", "7"], ["set", "pages_shared", "1"],
            ] {
                let result = try await daemon.command(arguments)
                #expect(result.status == 1, "\(arguments)")
                #expect(result.output == "")
                #expect(result.isOneLineOfError, "\(result.errors)")
            }
            try await daemon.set("pages_to_scan", 777)
            let result = try await daemon.command(["get", "pages_to_scan"])
            #expect(result.status == 0)
            #expect(result.output == "777\n")
        }

        @Test(.timeLimit(.minutes(1))) func daemonsThatCannotStart() async throws {
            let first = try await TestDaemon()
            let folder = try Folder()
            let file = try Child(["/bin/sh", "-c", "echo text > \(folder.path)/file"])
            _ = try await file.end()
            for path in [first.socket, "/nonexistent/folder/socket", "\(folder.path)/file"] {
                let result = try await run([Machine.samepage, "daemon", "--socket", path])
                #expect(result.status == 1, "\(path)")
                #expect(result.output == "")
                #expect(result.isOneLineOfError, "\(result.errors)")
            }
            #expect(
                Machine.text(ofFile: "\(folder.path)/file") == "text\n", "a daemon took away a file that is no socket")
            let status = try await first.status()
            #expect(status.clients.isEmpty, "the first daemon still answers")
        }

        @Test(.timeLimit(.minutes(1)), .enabled(if: Machine.program("setpriv") != nil, "needs setpriv"))
        func socketOfOthers() async throws {
            let daemon = try await TestDaemon()
            var worker = try await Worker.start(daemon.agent())
            try await worker.map(pages: 1024, seed: 3)
            try await worker.tell("mark")
            try await daemon.waitForClients(1)
            let nobody = [
                try #require(Machine.program("setpriv")), "--reuid=65534", "--regid=65534", "--clear-groups",
            ]
            // Nobody may not be able to reach the build.
            try await daemon.folder.install([Machine.samepage, Machine.agent])
            // Who may not be a client may not ask either.
            for command in [["status", "--json"], ["set", "run", "2"]] {
                let asked = try await daemon.command(command, prefix: nobody)
                #expect(asked.status == 1)
                #expect(asked.output == "")
                #expect(asked.isOneLineOfError, "\(asked.errors)")
            }
            let samepage = ["\(daemon.folder.path)/samepage", "run", "--socket", daemon.socket, "--"]
            let started = try await run(nobody + samepage + ["/bin/echo", "here"])
            #expect(started.status == 0)
            #expect(started.output == "here\n")
            #expect(started.isOneLineOfError && started.errors.contains(daemon.socket), "\(started.errors)")
        }

        /// Programs that take no library run as always, and one line says that they are not merged.
        @Test(.timeLimit(.minutes(1)), arguments: [false, true])
        func programsWithoutTheAgent(setuid: Bool) async throws {
            let daemon = try await TestDaemon()
            let program: String
            if setuid {
                program = "\(daemon.folder.path)/setuid"
                let install = try #require(Machine.program("install"))
                let source = try await Programs.shared.path("idle")
                let copied = try await run([install, "-o", "65534", "-m", "4755", source, program])
                try #require(copied.status == 0, "\(copied.errors)")
            } else {
                program = try await Programs.shared.path("idle", options: ["-static"])
            }
            let result = try await run(daemon.agent() + [program])
            #expect(result.status == 0)
            #expect(result.output.hasPrefix("ready "))
            #expect(result.isOneLineOfError, "\(result.errors)")
        }
    }
}
