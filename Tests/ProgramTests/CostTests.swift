import Glibc
import Testing

extension RealPrograms {
    /// What the agent costs a program that marks nothing.
    struct CostTests {
        @Test(.timeLimit(.minutes(2))) func idleProgramPaysNothing() async throws {
            let program = try await Programs.shared.path("idle")
            var dirty: [String: [Int]] = [:]
            for _ in 0..<5 {
                for (kind, environment) in [("plain", [:]), ("loaded", ["LD_PRELOAD": Machine.agent])] {
                    let child = try Child([program], environment: environment)
                    _ = try await child.line()
                    #expect(Machine.names(inFolder: "/proc/\(child.process)/task").count == 1)
                    #expect(
                        Machine.text(ofFile: "/proc/\(child.process)/maps").contains("libsamepage-agent")
                            == (kind == "loaded"))
                    dirty[kind, default: []].append(Accounts.dirty(of: child.process))
                    let status = try await child.finish()
                    #expect(status == 0)
                    #expect(child.errors == "")
                }
            }
            let plain = try #require(dirty["plain"]?.sorted()[2])
            let loaded = try #require(dirty["loaded"]?.sorted()[2])
            print("idle program: \(plain >> 10) KiB private and dirty, with the agent \(loaded >> 10) KiB")
            #expect(loaded - plain <= 32 << 10)
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
