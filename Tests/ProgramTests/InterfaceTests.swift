import Glibc
import Testing

extension RealPrograms {
    /// The C interface, from the example.
    struct InterfaceTests {
        private static let root = "\(Machine.sources)/../.."

        @Test(.timeLimit(.minutes(2))) func exampleSharesItsTable() async throws {
            let daemon = try await TestDaemon()
            let example = try await Programs.shared.path(
                "table", from: "\(Self.root)/Examples/C/table.c",
                options: [
                    "-I\(Self.root)/Tools/samepage-agent/include", "-L\(Machine.products)", "-lsamepage-agent",
                    "-Wl,-rpath,\(Machine.products)",
                ])
            var children: [Child] = []
            for _ in 0..<2 {
                let child = try Child([example], environment: ["SAMEPAGE_SOCKET": daemon.socket])
                _ = try await child.line()
                children.append(child)
            }
            try await daemon.waitForClients(2, mergeableBytes: 128 << 20)
            let status = try await daemon.waitUntilSettled()
            #expect(status.pagesGivenBack >= (64 << 20) / 4096 * 98 / 100)
            for child in children {
                let status = try await child.finish()
                #expect(status == 0)
            }
        }

        /// What is installed serves programs that know nothing of the build.
        @Test(.timeLimit(.minutes(2)), .enabled(if: Machine.program("pkg-config") != nil, "needs pkg-config"))
        func installedFilesAreEnough() async throws {
            let folder = try Folder()
            let installed = try await run(
                ["\(Self.root)/.ci/install", Machine.products], environment: ["PREFIX": folder.path])
            try #require(installed.status == 0, "\(installed.errors)")
            let library = "\(folder.path)/lib/libsamepage-agent.so"
            let paths = ["PKG_CONFIG_PATH": "\(folder.path)/lib/pkgconfig"]
            let flags = try await run(
                [try #require(Machine.program("pkg-config")), "--cflags", "--libs", "samepage-agent"],
                environment: paths)
            try #require(flags.status == 0, "\(flags.errors)")
            let example = "\(folder.path)/table"
            let words = flags.output.split(whereSeparator: \.isWhitespace).map(String.init)
            let source = "\(Self.root)/Examples/C/table.c"
            let compiled = try await run([try #require(Machine.program("cc")), source, "-o", example] + words)
            try #require(compiled.status == 0, "\(compiled.errors)")

            let daemon = try await TestDaemon()
            let linked = try Child(
                [example], environment: ["SAMEPAGE_SOCKET": daemon.socket, "LD_LIBRARY_PATH": "\(folder.path)/lib"])
            // The installed program finds the installed library.
            let idle = try await Programs.shared.path("idle")
            let started = try Child(["\(folder.path)/bin/samepage", "run", "--socket", daemon.socket, "--", idle])
            _ = try await started.line()
            #expect(Machine.text(ofFile: "/proc/\(started.process)/maps").contains(library))
            _ = try await linked.line()
            try await daemon.waitForClients(1, mergeableBytes: 64 << 20)
            for child in [linked, started] {
                let status = try await child.finish()
                #expect(status == 0)
            }
        }

        /// The header compiles with every warning as an error, as C and as C++, and by strict standards.
        @Test(.timeLimit(.minutes(1)), arguments: ["c99", "c11", "gnu11", "c++11"])
        func headerCompiles(standard: String) async throws {
            let folder = try Folder()
            let source = "\(folder.path)/source"
            let calls = "samepage_merge(0, 0) + samepage_unmerge(0, 0) + samepage_merge_any(0)"
            let text = "#include <samepage.h>\\nint main(void) { return \(calls); }\\n"
            let written = try await run(["/bin/sh", "-c", "printf '\(text)' > \(source)"])
            try #require(written.status == 0)
            let compiler = try #require(Machine.program("cc"))
            let compiled = try await run([
                compiler, "-x", standard.hasPrefix("c++") ? "c++" : "c", "-std=\(standard)", "-Wall", "-Wextra",
                "-pedantic",
                "-Werror", "-fsyntax-only", "-I\(Self.root)/Tools/samepage-agent/include", source,
            ])
            #expect(compiled.status == 0, "\(compiled.errors)")
        }
    }
}
