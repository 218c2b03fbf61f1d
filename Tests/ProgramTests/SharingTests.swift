import Glibc
import Testing

extension RealPrograms {
    /// Two processes with the same memory: what is saved, by the kernel's accounts.
    struct SharingTests {
        private static let pages = 65536

        @Test(.timeLimit(.minutes(5))) func twoProcessesShareWhatIsEqual() async throws {
            let daemon = try await TestDaemon()
            var workers: [Worker] = []
            for _ in 0..<2 {
                var worker = try await Worker.start(daemon.agent())
                try await worker.map(pages: Self.pages, seed: 1000)
                workers.append(worker)
            }
            let counted = try await Programs.shared.duplicates(workers.map(\.area.argument))
            #expect(counted.duplicates == Self.pages)
            let before = workers.reduce(0) { $0 + Accounts.own(of: $1.process) }
            for worker in workers { try await worker.tell("mark") }
            try await daemon.waitForClients(2, mergeableBytes: 2 * Self.pages * 4096)
            let status = try await daemon.waitForFullScans(2)
            #expect(status.pagesGivenBack >= Self.pages * 98 / 100)
            #expect(status.pagesGivenBack <= Self.pages)

            for worker in workers { try await worker.verify() }
            for worker in workers {
                let merged = try await worker.merged()
                #expect(merged >= Self.pages * 98 / 100)
            }
            // After every byte has been read: the areas themselves, then all memory of the programs, agents included.
            let stored = daemon.storedBytes
            #expect(stored > 0)
            let saved = counted.pages * 4096 - workers.reduce(0) { $0 + $1.area.ownBytes } - stored
            print("two processes: \(saved / 4096) of \(Self.pages) duplicate pages given back, their frames counted")
            #expect(saved >= Self.pages * 4096 * 98 / 100)
            #expect(saved <= Self.pages * 4096)
            let all = Accounts.stored(by: daemon.child.process)
            let after = workers.reduce(0) { $0 + Accounts.own(of: $1.process) } + all
            print("two processes: \((before - after) / 4096) with all memory of the programs and of the store counted")
            #expect(before - after >= Self.pages * 4096 * 95 / 100)

            // What is written is the writer's own again; the others see nothing of it.
            try await workers[0].tell("write 4 5000000")
            for worker in workers { try await worker.verify() }
            for worker in workers {
                let status = try await worker.child.finish()
                #expect(status == 0)
            }
            let ended = try await daemon.end()
            #expect(ended == 0)
            #expect(!Machine.exists(daemon.socket))
        }

        @Test(.timeLimit(.minutes(3))) func zerosAreGivenBack() async throws {
            let daemon = try await TestDaemon()
            var worker = try await Worker.start(daemon.agent())
            try await worker.map(pages: 4096, seed: 7)
            let python = try Child(
                daemon.agent() + [try Python.path(), "-c", Self.zeros], environment: [:])
            let line = try await python.line().split(separator: " ")
            try await worker.tell("mark")
            try await daemon.waitForClients(2)
            let status = try await daemon.waitUntilSettled()
            #expect(status.ksmZeroPages >= 4096 * 98 / 100)
            #expect(status.ksmZeroPages <= 4096)
            let area = Area(
                process: try #require(pid_t(line[0])), start: try #require(UInt(line[1])), bytes: 4096 * 4096)
            #expect(area.ownBytes <= 4096 * 4096 * 2 / 100)
            try await worker.verify()
            let answer = try await python.ask("")
            #expect(answer == "True")
        }

        private static let zeros = """
            import ctypes, mmap, os, sys
            memory = mmap.mmap(-1, 4096 * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            for page in range(4096): memory[page * 4096] = 0
            memory.madvise(mmap.MADV_MERGEABLE)
            print(os.getpid(), ctypes.addressof(ctypes.c_char.from_buffer(memory)), flush=True)
            sys.stdin.readline()
            print(memory[:] == bytes(4096 * 4096), flush=True)
            """

        @Test(.timeLimit(.minutes(5))) func deadClientsHarmNobodyAndFramesGo() async throws {
            let daemon = try await TestDaemon()
            var workers: [Worker] = []
            for _ in 0..<3 {
                var worker = try await Worker.start(daemon.agent())
                try await worker.map(pages: 8192, seed: 1000)
                try await worker.tell("mark")
                workers.append(worker)
            }
            try await daemon.waitForClients(3, mergeableBytes: 3 * 8192 * 4096)
            try await daemon.waitUntilSettled()
            kill(workers[0].process, SIGKILL)
            try await daemon.waitForClients(2)
            for worker in workers.dropFirst() { try await worker.verify() }
            try await daemon.waitForFullScans(2)
            for worker in workers.dropFirst() {
                try await worker.verify()
                let merged = try await worker.merged()
                #expect(merged >= 8192 * 98 / 100)
            }
            for worker in workers.dropFirst() { kill(worker.process, SIGKILL) }
            try await daemon.waitForClients(0)
            try await eventually("the frames go", within: .seconds(90)) {
                Accounts.stored(by: daemon.child.process) == 0
            } found: {
                "\(Accounts.stored(by: daemon.child.process)) bytes are still stored"
            }
        }
    }
}
