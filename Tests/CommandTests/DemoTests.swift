import Glibc
import Testing
import samepage

/// `samepage demo`, run as a program on the real memory of real processes.
@Suite(.enabled(if: Permissions.canMerge, "full userfaultfd (root or /dev/userfaultfd) on Linux 6.8 or later"))
struct DemoTests {
    @Test(arguments: [
        (4, []), (2, ["--checksum", "jhash2", "--tree", "red-black-content"]), (3, ["--tree", "red-black"]),
    ])
    func mergesAndVerifies(processes: Int, extra: [String]) async throws {
        let result = try await samepage(
            arguments: ["demo", "--json", "--mib", "32", "--processes", "\(processes)"] + extra)
        #expect(result.status == 0)
        #expect(result.errors == "")
        let demo = try DemoResult(json: result.output)
        #expect(demo.processes == processes)
        #expect(demo.mergeableBytes == processes * 32 << 20)
        #expect(demo.contentVerified)

        #expect(demo.residentBeforeBytes >= processes * 32 << 20)
        #expect(demo.savedBytes == demo.residentBeforeBytes - demo.residentAfterBytes)
        // A daemon takes a little for itself.
        #expect(Double(demo.savedBytes + 4 << 20) >= 0.9 * Double(demo.duplicateBytes))
        #expect(demo.savedBytes <= demo.duplicateBytes + 1 << 20, "more was saved than there was")
        #expect(Double(demo.savedAfterRereadBytes + 4 << 20) >= 0.9 * Double(demo.duplicateBytes))
        #expect(demo.residentAfterUnmergeBytes > demo.residentAfterBytes)

        #expect(demo.pagesShared > 0)
        #expect(demo.frameBytes >= demo.pagesShared * demo.pageSize)
        #expect((demo.pagesSharing + demo.ksmZeroPages) * demo.pageSize <= demo.duplicateBytes)
        #expect(demo.cpuSeconds > 0)
        #expect(demo.wallSeconds > 0)

        #expect(Set(demo.perProcess.map(\.pid)).count == processes)
        #expect(demo.perProcess.allSatisfy { $0.mergeableBytes == 32 << 20 })
        let merged = demo.perProcess.reduce(0) { $0 + $1.mergedBytes }
        #expect(merged == (demo.pagesShared + demo.pagesSharing + demo.ksmZeroPages) * demo.pageSize)
    }

    @Test func textEndsWithTheVerdict() async throws {
        let result = try await samepage("demo", "--mib", "16", "--processes", "2")
        #expect(result.status == 0)
        #expect(result.errors == "")
        #expect(result.output.hasSuffix(" s of CPU,\nand every byte was right after each step.\n"))
        #expect(!result.output.contains("\u{1B}"))
    }

    @Test func processThatDiesEndsTheDemo() async throws {
        let result = try await disturb { _, process in kill(process, SIGKILL) }
        #expect(result.errors.contains("was ended by signal 9"), "\(result.errors)")
    }

    @Test func interruptedDemoLeavesNothing() async throws {
        let result = try await disturb { demo, _ in kill(demo, SIGTERM) }
        #expect(result.errors.contains("interrupted"), "\(result.errors)")
    }

    /// Runs a demo, does something to it or to one of its processes, and looks at what it leaves.
    private func disturb(_ body: (_ demo: pid_t, _ process: pid_t) -> Void) async throws -> CommandResult {
        let demo = try start([samepagePath(), "demo", "--mib", "64", "--processes", "2"])
        var processes: [ListedProcess] = []
        for _ in 0..<2000 where processes.count < 2 {
            // A task that waits for its turn among other tests would come when the demo is over.
            usleep(5000)
            processes = ListedProcess.all().filter {
                $0.parent == demo.process && $0.arguments.contains("demo-process")
            }
        }
        try #require(processes.count == 2)
        let socket = try #require(processes[0].variable("SAMEPAGE_SOCKET"))
        body(demo.process, processes[0].pid)
        let result = try await demo.result()
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(result.isOneLineOfError, "\(result.errors)")
        for process in processes { #expect(kill(process.pid, 0) == -1, "process \(process.pid) is left") }
        let folder = socket.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        // SAFETY: the path outlives the call.
        #expect(unsafe access(folder, F_OK) == -1, "\(folder) is left")
        return result
    }
}
