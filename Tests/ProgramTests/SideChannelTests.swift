import FoundationEssentials
import Glibc
import Testing

extension RealPrograms {
    /// What narrows the side channels of merging: Documentation/SideChannels.md.
    struct SideChannelTests {
        private static let pages = 1024

        private static func workers(
            _ count: Int, _ daemon: TestDaemon, salts: [String] = [], advice: String? = nil
        ) async throws -> [Worker] {
            var workers: [Worker] = []
            for number in 0..<count {
                let salt = salts.isEmpty ? [] : ["--salt", salts[number]]
                let prefix = [Machine.samepage, "run", "--socket", daemon.socket] + salt + ["--"]
                var worker = try await Worker.start(prefix)
                try await worker.map(pages: pages, seed: 5000)
                if let advice { try await worker.tell(advice) }
                try await worker.tell("mark")
                workers.append(worker)
            }
            return workers
        }

        private static func finish(_ workers: [Worker]) async throws {
            for worker in workers {
                try await worker.verify()
                let ended = try await worker.child.finish()
                #expect(ended == 0)
            }
        }

        @Test(.timeLimit(.minutes(2))) func youngPagesDoNotMerge() async throws {
            let daemon = try await TestDaemon(["--minimum-age", "4000"])
            let start = ContinuousClock.now
            let workers = try await Self.workers(2, daemon)
            try await daemon.waitForClients(2, mergeableBytes: 2 * Self.pages * 4096)
            try await daemon.waitForFullScans(5)
            let early = try await Worker.merged(workers)
            #expect(early == [0, 0] || ContinuousClock.now - start > .seconds(4))
            try await eventually("old pages merge", within: .seconds(60)) {
                try await Worker.merged(workers).allSatisfy { $0 >= Self.pages * 98 / 100 }
            }
            #expect(ContinuousClock.now - start >= .seconds(4))
            // The next ones need not wait.
            try await daemon.set("minimum_age_millisecs", 0)
            try await workers[0].tell("refill 9000")
            try await workers[1].tell("refill 9000")
            try await daemon.waitUntilSettled()
            let late = try await Worker.merged(workers)
            #expect(late.allSatisfy { $0 >= Self.pages * 98 / 100 })
            try await Self.finish(workers)
        }

        @Test(.timeLimit(.minutes(2))) func fewSharersDoNotMerge() async throws {
            let daemon = try await TestDaemon(["--minimum-sharers", "3"])
            var workers = try await Self.workers(2, daemon)
            try await daemon.waitForClients(2, mergeableBytes: 2 * Self.pages * 4096)
            let two = try await daemon.waitUntilSettled()
            #expect(two.pagesShared == 0)
            let few = try await Worker.merged(workers)
            #expect(few == [0, 0])
            workers += try await Self.workers(1, daemon)
            try await daemon.waitForClients(3, mergeableBytes: 3 * Self.pages * 4096)
            let three = try await daemon.waitUntilSettled()
            #expect(three.pagesSharing >= 2 * Self.pages * 98 / 100)
            let enough = try await Worker.merged(workers)
            #expect(enough.allSatisfy { $0 >= Self.pages * 98 / 100 })
            try await Self.finish(workers)
        }

        @Test(.timeLimit(.minutes(2))) func saltsSeparate() async throws {
            let daemon = try await TestDaemon()
            let workers = try await Self.workers(3, daemon, salts: ["pepper", "pepper", "salt"])
            try await daemon.waitForClients(3, mergeableBytes: 3 * Self.pages * 4096)
            try await eventually("the two of one salt share", within: .seconds(60)) {
                try await Worker.merged(workers).prefix(2).allSatisfy { $0 >= Self.pages * 98 / 100 }
            }
            try await daemon.waitForFullScans(3)
            let merged = try await Worker.merged(workers)
            #expect(merged[2] == 0)
            try await Self.finish(workers)
        }

        /// Advice that keeps memory from merging, given before and after it is merged, and taken back.
        @Test(
            .timeLimit(.minutes(2)),
            arguments: [
                ("advise 18", "advise 19", "marked MADV_WIPEONFORK"),
                ("advise 16", "advise 17", "marked MADV_DONTDUMP"),
                ("lock", "unlock", "locked in memory"),
            ])
        func excludedMemory(advice: String, undo: String, reason: String) async throws {
            let daemon = try await TestDaemon(["--exclude-dont-dump", "true"])
            let bytes = Self.pages * 4096
            let before = try await Self.workers(2, daemon, advice: advice)
            try await Self.waitForReason(reason, bytes, of: before, daemon)
            let none = try await Worker.merged(before)
            #expect(none == [0, 0])
            for worker in before { try await worker.tell(undo) }
            try await daemon.waitForClients(2, mergeableBytes: 2 * bytes)
            try await eventually("they merge", within: .seconds(60)) {
                try await Worker.merged(before).allSatisfy { $0 >= Self.pages * 98 / 100 }
            }
            try await before[0].tell(advice)
            let merged = try await before[0].merged()
            #expect(merged == 0, "memory of its own, when the call returns")
            try await Self.waitForReason(reason, bytes, of: [before[0]], daemon)
            try await daemon.waitForFullScans(3)
            let later = try await before[0].merged()
            #expect(later == 0)
            try await before[0].tell(undo)
            try await eventually("it merges again", within: .seconds(60)) {
                try await before[0].merged() >= Self.pages * 98 / 100
            }
            try await Self.finish(before)
        }

        private static func waitForReason(
            _ reason: String, _ bytes: Int, of workers: [Worker], _ daemon: TestDaemon
        ) async throws {
            var last: [Status.Client] = []
            try await eventually("the status says: \(reason)", within: .seconds(60)) {
                last = try await daemon.status().clients
                return workers.allSatisfy { worker in
                    last.contains { $0.pid == worker.process && $0.notMerged[reason] == bytes }
                }
            } found: {
                "\(last)"
            }
        }

        /// The channel that the settings narrow is there, and no other: a read does not tell. Medians only.
        @Test(.timeLimit(.minutes(2))) func writesTellMergedPages() async throws {
            let daemon = try await TestDaemon()
            let program = try await Programs.shared.path("timing")
            let result = try await run(daemon.agent() + [program], within: .seconds(90))
            try #require(result.status == 0, "\(result.output)")
            print(result.output)
            var medians: [String: Int] = [:]
            for line in result.output.split(separator: "\n") {
                let fields = line.split(separator: " ")
                medians[String(fields[0])] = Int(fields[2])
            }
            func median(_ name: String) throws -> Int { try #require(medians[name], "no \(name)") }
            let written = try median("first-write-merged")
            #expect(try written > median("first-write-private"))
            #expect(try written > 4 * median("first-write-unmarked"))
            // Alone between others, too.
            for name in ["first-read-merged", "first-read-lonely"] {
                let read = try median(name)
                #expect(try read <= 4 * median("first-read-unmarked"))
                #expect(try read < median("first-read-zeros"))
            }
        }

        /// Virtual machine monitors mark all memory so: without the setting it merges; and the setting can change.
        @Test(.timeLimit(.minutes(2))) func dontDumpMergesUnlessExcluded() async throws {
            let folder = try Folder()
            let file = URL(filePath: "\(folder.path)/c.yaml")
            try Data("excludeDontDump: false\n".utf8).write(to: file)
            let daemon = try await TestDaemon(["--config", file.path])
            let workers = try await Self.workers(2, daemon, advice: "advise 16")
            try await eventually("they merge", within: .seconds(60)) {
                try await Worker.merged(workers).allSatisfy { $0 >= Self.pages * 98 / 100 }
            }
            try Data("excludeDontDump: true\n".utf8).write(to: file)
            kill(daemon.child.process, SIGHUP)
            try await Self.waitForReason("marked MADV_DONTDUMP", Self.pages * 4096, of: workers, daemon)
            let excluded = try await Worker.merged(workers)
            #expect(excluded == [0, 0])
            try Data("excludeDontDump: false\n".utf8).write(to: file)
            kill(daemon.child.process, SIGHUP)
            try await eventually("they merge again", within: .seconds(60)) {
                try await Worker.merged(workers).allSatisfy { $0 >= Self.pages * 98 / 100 }
            }
            try await Self.finish(workers)
        }
    }
}
