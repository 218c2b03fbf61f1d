import Glibc
import Testing

extension RealPrograms {
    /// What the agent costs a program that marks nothing.
    struct CostTests {
        @Test(.timeLimit(.minutes(2))) func idleProgramPaysNothing() async throws {
            let program = try await Programs.shared.path("idle")
            var own: [String: [Int]] = [:]
            for _ in 0..<5 {
                for (kind, environment) in [("plain", [:]), ("loaded", ["LD_PRELOAD": Machine.agent])] {
                    let child = try Child([program], environment: environment)
                    _ = try await child.line()
                    #expect(Machine.names(inFolder: "/proc/\(child.process)/task").count == 1)
                    #expect(
                        Machine.text(ofFile: "/proc/\(child.process)/maps").contains("libsamepage-agent")
                            == (kind == "loaded"))
                    // Not Private_Dirty: that counts a library whose file has just been written, too.
                    own[kind, default: []].append(Accounts.own(of: child.process))
                    let status = try await child.finish()
                    #expect(status == 0)
                    #expect(child.errors == "")
                }
            }
            let plain = try #require(own["plain"]?.sorted()[2])
            let loaded = try #require(own["loaded"]?.sorted()[2])
            print("idle program: \(plain >> 10) KiB of its own, with the agent \(loaded >> 10) KiB")
            #expect(loaded - plain <= 32 << 10)
        }

        /// What the agent keeps of ranges of one page each is a small part of them: an entry, a slot, and its place.
        @Test(.timeLimit(.minutes(1))) func smallRangesCostLittle() async throws {
            let daemon = try await TestDaemon()
            try await daemon.set("run", 0)
            var worker = try await Worker.start(daemon.agent())
            try await worker.map(pages: 8192, seed: 1000)
            let before = Accounts.own(of: worker.process)
            try await worker.tell("mark 2")
            try await daemon.waitForClients(1, mergeableBytes: 4096 * 4096)
            let cost = Accounts.own(of: worker.process) - before
            print("4096 ranges of one page each: \(cost >> 10) KiB of the agent")
            #expect(1...4096 * 256 ~= cost)
            let ended = try await worker.child.finish()
            #expect(ended == 0)
        }

        /// Beyond what loading any library takes.
        @Test(.timeLimit(.minutes(2))) func startTakesFewSystemCalls() async throws {
            let counter = try await Programs.shared.path("count_calls")
            let program = try await Programs.shared.path("idle")
            let empty = try await Programs.shared.path("empty", options: ["-shared", "-fPIC"])
            var calls: [Int] = []
            for library in [[], [empty], [Machine.agent]] {
                let counted = try await run([counter] + library + ["--", program])
                calls.append(try #require(Int(counted.output.filter(\.isNumber)), "\(counted.output)"))
            }
            print("system calls of a start: \(calls[0]), with an empty library \(calls[1]), with the agent \(calls[2])")
            #expect(calls[2] - calls[1] <= 16)
        }

        /// Each is tracked a few times in those seconds, not in every scan, and once they are left alone they merge.
        @Test(.timeLimit(.minutes(3))) func hotPagesAreLeftAlone() async throws {
            let daemon = try await TestDaemon()
            let program = try Child(daemon.agent() + [try await Programs.shared.path("hot"), "6"])
            let line = try await program.line(within: .seconds(60))
            print("256 pages written all the time, page faults in 3 s: \(line)")
            let faults = try #require(Int(line.filter(\.isNumber)))
            #expect(faults < 256 * 10)
            #expect(try await program.line(within: .seconds(120)) == "ok")
        }

        /// A report, not a gate: other tests may run at the same time.
        @Test(.timeLimit(.minutes(2))) func startTime() async throws {
            let timer = try await Programs.shared.path("spawn_time")
            let program = try await Programs.shared.path("idle")
            let timed = try await run([timer, "300", Machine.agent, program], within: .seconds(60))
            #expect(timed.status == 0, "\(timed.output)")
            print("median start in microseconds: \(timed.output.split(separator: "\n").last ?? "")")
        }
    }
}
