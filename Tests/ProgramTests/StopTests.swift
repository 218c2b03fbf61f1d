import Glibc
import Testing

extension RealPrograms {
    /// Who is stopped, for as long as it may be, holds nobody up.
    struct StopTests {
        /// How long a daemon stands still in these tests: a minute with SAMEPAGE_LONG_TESTS in the environment.
        private static let standstill: Duration =
            Machine.variable("SAMEPAGE_LONG_TESTS") == nil ? .seconds(4) : .seconds(60)

        /// How long the daemon takes to answer about its domain.
        private static func answerTime(of daemon: TestDaemon) async throws -> Duration {
            let clock = ContinuousClock()
            return try await clock.measure {
                let result = try await daemon.command(["get", "pages_sharing"])
                try #require(result.status == 0, "\(result.errors)")
            }
        }

        /// Clients stopped in the middle of a batch cost the others a second or two, however many they are.
        @Test(.timeLimit(.minutes(3))) func stoppedClientsHoldNobodyUp() async throws {
            let daemon = try await TestDaemon()
            var crowd = try await Crowd(2, pages: 4096, of: daemon)
            for _ in 0..<3 { try await crowd.add() }
            let stopped = Array(crowd.workers.suffix(3))
            let first = stopped[0].process
            try await soon("its memory is merged") {
                Machine.text(ofFile: "/proc/\(first)/maps").contains("memfd:samepage-frames")
            }
            for worker in stopped { kill(worker.process, SIGSTOP) }
            let clock = ContinuousClock()
            let start = clock.now
            var slowest = try await Self.answerTime(of: daemon)
            let scans = try await daemon.fullScans()
            while try await daemon.fullScans() < scans + 2, clock.now < start + .seconds(20) {
                slowest = max(slowest, try await Self.answerTime(of: daemon))
            }
            print("3 stopped: the domain answered after \(slowest) at most, two scans took \(clock.now - start)")
            #expect(slowest < .milliseconds(2500))
            #expect(clock.now - start < .seconds(6))
            // The others share on.
            for worker in crowd.workers.prefix(2) { try await worker.tell("refill 70000") }
            try await eventually("the others share", within: .seconds(10)) {
                try await daemon.status().pagesGivenBack >= crowd.pages * 98 / 100
            }
            for worker in crowd.workers.prefix(2) { try await worker.verify() }
            // Those that go on carry out what they were asked for.
            for worker in stopped { kill(worker.process, SIGCONT) }
            for worker in stopped { try await worker.verify() }
            for worker in crowd.workers.prefix(2) { try await worker.tell("refill 1000") }
            try await crowd.waitUntilAllAreServed(within: .seconds(15))
            try await eventually("all share", within: .seconds(10)) {
                try await daemon.status().pagesGivenBack >= 4 * crowd.pages * 98 / 100
            }
            try await crowd.verify()
            try await crowd.end()
        }

        /// While the daemon stands still every call of its clients comes back, and afterwards all goes on.
        @Test(.timeLimit(.minutes(5))) func stoppedDaemonHoldsNobodyUp() async throws {
            let daemon = try await TestDaemon()
            let crowd = try await Crowd(2, pages: 4096, of: daemon)
            try await crowd.act()
            try await Task.sleep(for: .milliseconds(300))
            kill(daemon.child.process, SIGSTOP)
            // Those that begin now find nobody, and run all the same.
            var late = try await Worker.start(daemon.agent())
            try await late.map(pages: 4096, seed: 1000)
            try await late.tell("mark")
            try await late.tell("act")
            try await Task.sleep(for: Self.standstill)
            try await crowd.rest([late])
            try await crowd.rest()
            try await late.verify()
            try await crowd.act()
            kill(daemon.child.process, SIGCONT)
            try await Task.sleep(for: .milliseconds(500))
            try await crowd.rest()
            let ended = try await late.child.finish()
            #expect(ended == 0)
            try await crowd.waitUntilSharingIsBack()
            try await crowd.end()
        }

        /// A daemon that reads nothing, and a client with thousands of areas that come and go; then the other way round.
        @Test(.timeLimit(.minutes(2))) func fullSocketsHoldNobodyUp() async throws {
            let daemon = try await TestDaemon()
            let crowd = try await Crowd(2, pages: 2048, of: daemon)
            var many = try await Worker.start(daemon.agent())
            // Half of it is as the crowd's. Every other page is an area of its own.
            try await many.map(pages: 4096, seed: 1000)
            try await many.tell("mark 2")
            let bytes = 3 * 2048 * 4096
            try await daemon.waitForClients(3, mergeableBytes: bytes)
            try await Self.waitUntilShared(many)
            try await many.tell("act")
            let socket = try #require(many.agentSocket)
            kill(daemon.child.process, SIGSTOP)
            var all = (calls: 0, slowest: Duration.zero)
            // While the daemon stands still nothing else makes the agent let go of its connection.
            try await eventually("the agent finds no more room in its socket", within: .seconds(60)) {
                let some = try await many.remark(2)
                all = (all.calls + some.calls, max(all.slowest, some.slowest))
                return many.agentSocket != socket
            } found: {
                "after \(all)"
            }
            print("\(all.calls) calls until the socket was full: the slowest took \(all.slowest)")
            #expect(all.slowest < .seconds(1))
            try await crowd.rest([many])
            try await many.verify()
            kill(daemon.child.process, SIGCONT)
            try await daemon.waitForClients(3, mergeableBytes: bytes)
            try await Self.waitUntilShared(many)
            try await many.verify()
            // A client that reads nothing, and a daemon that has news for it again and again.
            try await daemon.set("run", 0)
            kill(many.process, SIGSTOP)
            let control = try ControlLine(daemon.socket)
            let clock = ContinuousClock()
            var slowest = Duration.zero
            for number in 0..<2000 {
                let time = try clock.measure { try control.ask("set vma_budget_percent \(10 + number % 80)") }
                slowest = max(slowest, time)
            }
            try await daemon.set("run", 1)
            print("2000 settings for a client that reads none: the slowest took \(slowest)")
            #expect(slowest < .milliseconds(2500))
            // It is parked meanwhile, not given up.
            try await daemon.waitForClients(3, mergeableBytes: bytes)
            kill(many.process, SIGCONT)
            try await daemon.waitForClients(3, mergeableBytes: bytes)
            try await many.verify()
            let ended = try await many.child.finish()
            #expect(ended == 0)
            try await crowd.expectSharingIsBack()
            try await crowd.end()
        }

        /// Every other page of half of 4096 is merged.
        private static func waitUntilShared(_ many: Worker) async throws {
            try await eventually("it shares", within: .seconds(20)) { try await many.merged() >= 1024 * 95 / 100 }
        }
    }
}
