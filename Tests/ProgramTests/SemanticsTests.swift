import Glibc
import Testing

extension RealPrograms {
    /// What Linux promises of memory holds for merged memory: see Tests/Programs/semantics.c.
    struct SemanticsTests {
        @Test(
            .timeLimit(.minutes(4)),
            arguments: [
                "writes", "dontneed", "free", "grow", "move", "move-parts", "mlock", "fork", "spawn", "munmap",
                "mprotect", "fixed",
                "unmergeable", "closing", "signals", "answers", "any", "core", "dontfork", "failing", "readonly",
                "mlockall",
            ])
        func mergedMemory(behaves name: String) async throws {
            let daemon = try await TestDaemon()
            let program = try await Programs.shared.path("semantics")
            let result = try await run(daemon.agent() + [program, name], within: .seconds(100))
            #expect(result.status == 0)
            #expect(result.output.hasSuffix("ok\n"), "\(name): \(result.output)")
            #expect(result.errors == "")
            #expect(!daemon.child.hasEnded, "\(daemon.child.errors)")
        }

        @Test(.timeLimit(.minutes(3))) func callsAnswerAsTheKernelDoes() async throws {
            let daemon = try await TestDaemon()
            let program = try await Programs.shared.path("kernel_answers")
            let kernel = try await run([program], within: .seconds(60))
            let agent = try await run(
                daemon.agent() + [program], environment: ["EXPECT_FRAMES": "1"], within: .seconds(90))
            #expect(kernel.status == 0 && kernel.errors == "")
            #expect(kernel.output.split(separator: "\n").count > 50)
            #expect(!kernel.output.contains("WRONG"))
            let pairs = zip(kernel.output.split(separator: "\n"), agent.output.split(separator: "\n"))
            for (expected, found) in pairs where expected != found { #expect(found == expected) }
            #expect(agent.output == kernel.output)
            #expect(agent.status == 0 && agent.errors == "")
        }

        @Test(.timeLimit(.minutes(3))) func noWriteIsLost() async throws {
            let daemon = try await TestDaemon()
            let program = try await Programs.shared.path("writers")
            let result = try await run(daemon.agent() + [program, "6"], within: .seconds(90))
            #expect(result.status == 0)
            let numbers = result.output.split(separator: " ").dropFirst().compactMap { Int($0.filter(\.isNumber)) }
            try #require(result.output.hasPrefix("ok ") && numbers.count == 2, "\(result.output)")
            #expect(numbers[0] > 1000)
            #expect(numbers[1] > 0, "no page was merged when it was written: the test shows nothing")
        }

        @Test(.timeLimit(.minutes(3))) func manyThreadsChangeMappings() async throws {
            let daemon = try await TestDaemon()
            let program = try await Programs.shared.path("change_memory")
            let result = try await run(daemon.agent() + [program, "6"], within: .seconds(90))
            #expect(result.status == 0, "\(result.output) \(result.errors)")
            #expect(!daemon.child.hasEnded, "\(daemon.child.errors)")
        }

        @Test(.timeLimit(.minutes(2))) func childrenOfEveryKindFindTheMemory() async throws {
            let daemon = try await TestDaemon()
            let program = try await Programs.shared.path("fork_ways")
            let plain = try await run([program])
            let loaded = try await run(daemon.agent() + [program], within: .seconds(60))
            #expect(plain.status == 0)
            #expect(loaded.status == plain.status)
            #expect(loaded.output == plain.output)
        }

        @Test(.timeLimit(.minutes(2))) func programsEndWithTheirLastThread() async throws {
            let daemon = try await TestDaemon()
            let program = try await Programs.shared.path("last_thread")
            let plain = try await run([program])
            let loaded = try await run(daemon.agent() + [program], within: .seconds(30))
            #expect(plain.status == 0 && plain.output.hasSuffix("exit handler\n"))
            #expect(loaded.status == plain.status)
            #expect(loaded.output == plain.output)
        }

        @Test(.timeLimit(.minutes(3))) func forkedChildIsAClientOfItsOwn() async throws {
            let daemon = try await TestDaemon()
            var worker = try await Worker.start(daemon.agent())
            try await worker.map(pages: 2048, seed: 1)
            try await worker.tell("fill 1 1024")
            try await worker.tell("mark")
            try await daemon.waitForClients(1, mergeableBytes: 2048 * 4096)
            try await daemon.waitUntilSettled()
            let answer = try await worker.child.ask("fork")
            let forked = try #require(pid_t(answer.dropFirst("ok ".count)))
            // The child has taken over the input.
            try await worker.verify()
            let status = try await daemon.waitForClients(2, mergeableBytes: 2 * 2048 * 4096)
            #expect(status.clients.contains { $0.pid == forked })
            try await worker.tell("write 1 500000")
            // What was written where it lay over frames merges again only when it is discarded.
            try await worker.tell("refill 500000")
            try await worker.tell("fill 600000 1024")
            try await daemon.waitUntilSettled()
            let merged = try await worker.merged()
            #expect(merged >= 2048 * 98 / 100)
            try await worker.verify()
            let ended = try await worker.child.finish()
            #expect(ended == 0)
        }

        @Test(.timeLimit(.minutes(5)), arguments: [SIGKILL, SIGTERM])
        func programsOutliveTheDaemon(_ signal: Int32) async throws {
            let daemon = try await TestDaemon()
            let pages = 8192
            var workers: [Worker] = []
            for _ in 0..<2 {
                var worker = try await Worker.start(daemon.agent())
                try await worker.map(pages: pages, seed: 1000)
                try await worker.tell("mark")
                workers.append(worker)
            }
            try await daemon.waitForClients(2, mergeableBytes: 2 * pages * 4096)
            try await daemon.waitUntilSettled()
            let ended = try await daemon.end(signal)
            #expect(ended == (signal == SIGKILL ? 128 + SIGKILL : 0))

            for worker in workers { try await worker.verify() }
            for worker in workers {
                let merged = try await worker.merged()
                #expect(merged >= pages * 98 / 100, "what is merged stays merged without a daemon")
                try await worker.tell("write 2 900000")
                try await worker.verify()
            }
            try await daemon.restart()
            try await daemon.waitForClients(2, mergeableBytes: 2 * pages * 4096)
            try await eventually("sharing comes back", within: .seconds(90)) {
                try await daemon.status().pagesGivenBack >= pages / 2 * 9 / 10
            } found: {
                "\(daemon.child.errors)"
            }
            #expect(daemon.storedBytes >= pages / 2 * 4096 * 9 / 10)
            for worker in workers {
                try await worker.verify()
                let merged = try await worker.merged()
                #expect(merged >= pages / 2 * 9 / 10)
                let ended = try await worker.child.finish()
                #expect(ended == 0)
            }
        }
    }
}
