import Glibc
import Testing

extension RealPrograms {
    /// Who is killed harms nobody: no byte of a client is wrong, no call of it takes a second, and sharing comes back.
    struct CrashTests {
        /// What is killed, and how many milliseconds after the daemon began to merge anew, or the newest client's
        /// memory began to be merged.
        private static let rounds: [(daemon: Bool, client: Bool, after: Int)] = [
            (true, false, 0), (false, true, 0), (true, true, 3), (true, false, 60),
        ]

        /// The connection breaks just when the agent tells of a range that is gone: the next daemon hears of all others.
        @Test(.timeLimit(.minutes(1))) func connectionThatBreaksWhileARangeGoes() async throws {
            let folder = try Folder()
            let socket = "\(folder.path)/socket"
            let daemon = try StandInDaemon(path: socket)
            let program = try await Programs.shared.path("two_ranges")
            let child = try Child([Machine.samepage, "run", "--socket", socket, "--", program])
            _ = try await child.line()
            try await daemon.welcome()
            try await daemon.expect(areas: 2)
            daemon.stopReceiving()
            #expect(try await child.ask("go on") == "gone")
            try await daemon.welcome()
            try await daemon.expect(areas: 2)
            #expect(daemon.strangers.isEmpty)
            let ended = try await child.finish()
            #expect(ended == 0)
        }

        @Test(.timeLimit(.minutes(3))) func whoeverIsKilledTheOthersGoOn() async throws {
            let daemon = try await TestDaemon()
            var crowd = try await Crowd(3, pages: 8192, of: daemon)
            try await crowd.act()
            for round in Self.rounds {
                if round.client {
                    try await crowd.add()
                    try await crowd.workers[3].tell("act")
                    let newest = crowd.workers[3].process
                    try await soon("the new client's memory is merged") {
                        Machine.text(ofFile: "/proc/\(newest)/maps").contains("memfd:samepage-frames")
                    }
                } else {
                    try await soon("the daemon merges") { daemon.storedBytes > 0 }
                }
                try await Task.sleep(for: .milliseconds(round.after))
                if round.client { crowd.kill(0) }
                if round.daemon {
                    let ended = try await daemon.end(SIGKILL)
                    #expect(ended == 128 + SIGKILL)
                    try await daemon.restart()
                }
            }
            try await crowd.rest()
            try await crowd.waitUntilSharingIsBack()
            // Quiet memory: twice in a row, the first time in the middle of a merge, which leaves pages of two stores.
            for isMerging in [false, true] {
                if isMerging { try await soon("the daemon merges") { daemon.storedBytes > 0 } }
                try await daemon.end(SIGKILL)
                try await daemon.restart()
            }
            try await crowd.expectSharingIsBack()
            try await crowd.end()
        }

        /// Two daemons that start at once where an earlier one was killed: one serves, the other says why it does not.
        @Test(.timeLimit(.minutes(1))) func oneOfTwoDaemonsServes() async throws {
            let daemon = try await TestDaemon()
            for _ in 0..<5 {
                try await daemon.end(SIGKILL)
                let others = try (0..<2).map { _ in
                    try Child([Machine.samepage, "daemon", "--socket", daemon.socket])
                }
                try await eventually("one of two daemons gives up", within: .seconds(20)) {
                    others.contains { $0.hasEnded }
                }
                let last = try #require(others.first { !$0.hasEnded }, "\(others.map(\.errors))")
                let first = try #require(others.first { $0.hasEnded })
                #expect(first.errors.contains("already answers") || first.errors.contains("another process does"))
                try await eventually("the other answers", within: .seconds(20)) {
                    try await daemon.command(["status"]).status == 0
                } found: {
                    last.errors
                }
                kill(last.process, SIGKILL)
                _ = try await last.end()
                try await daemon.restart()
            }
        }

        /// Clients come and go, most of them killed, with their memory merged in part or in whole: the daemon keeps
        /// nothing of them.
        @Test(.timeLimit(.minutes(3))) func nothingIsLeftOfClients() async throws {
            let daemon = try await TestDaemon(["--linger-seconds", "1"])
            // What a daemon takes once it has had clients.
            var sizes: [Int] = []
            var descriptors: [Int] = []
            for round in 0..<20 {
                var workers: [Worker] = []
                for _ in 0..<2 {
                    var worker = try await Worker.start(daemon.agent())
                    try await worker.map(pages: 512, seed: 1000)
                    try await worker.tell("mark")
                    workers.append(worker)
                }
                if round % 2 == 0 {
                    try await soon("the daemon merges") { daemon.storedBytes > 0 }
                } else {
                    try await soon("all is merged", within: .seconds(20)) { daemon.storedBytes >= 512 * 4096 }
                }
                for (place, worker) in workers.enumerated() {
                    if (round + place) % 4 == 0 { try await worker.verify() }
                    if (round + place) % 4 != 0 {
                        kill(worker.process, SIGKILL)
                    } else {
                        let ended = try await worker.child.finish()
                        #expect(ended == 0)
                    }
                }
                try await soon("the frames go", within: .seconds(20)) {
                    Holdings(of: daemon.child.process).memoryFiles == 0
                }
                if round % 4 == 3 {
                    try await daemon.expectNothingLeft(descriptors: descriptors.first)
                    descriptors.append(Holdings(of: daemon.child.process).descriptors)
                    sizes.append(Accounts.own(of: daemon.child.process))
                }
            }
            print("the daemon's private memory after 4, 8 ... 20 rounds of clients: \(sizes.map { $0 >> 10 }) KiB")
            #expect(sizes.last! - sizes.first! <= 2 << 20)
        }
    }
}

/// Waits until something is so, looking every millisecond or so: to meet the moment.
func soon(
    _ what: String, within limit: Duration = .seconds(15), isolation: isolated (any Actor)? = #isolation,
    _ isSo: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !isSo() {
        if ContinuousClock.now > end { throw Trouble("not within \(limit): \(what)") }
        try await Task.sleep(for: .milliseconds(1))
    }
}
