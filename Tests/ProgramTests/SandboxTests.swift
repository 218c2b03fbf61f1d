import Testing

extension RealPrograms {
    /// Programs that confine themselves as QEMU does with `-sandbox on` and all denied, as libvirt starts its guests.
    struct SandboxTests {
        @Test("confined programs share nothing, and by a rule of root what is equal", arguments: [false, true])
        func confinedPrograms(hasRule: Bool) async throws {
            let program = try await Programs.shared.path("worker")
            let daemon = try await TestDaemon(hasRule ? ["--domains", "guests executable=\(program)"] : [])
            let pages = 1024
            var workers: [Worker] = []
            for _ in 0..<2 {
                var worker = try await Worker.start(daemon.agent())
                try await worker.tell("sandbox")
                try await worker.map(pages: pages, seed: 1000)
                try await worker.tell("mark")
                workers.append(worker)
            }
            try await daemon.waitForClients(2, mergeableBytes: 2 * pages * 4096)
            let status = try await daemon.waitForFullScans(3)
            #expect(hasRule ? status.pagesSharing >= pages * 98 / 100 : status.pagesSharing == 0, "\(status)")
            let merged = try await Worker.merged(workers)
            #expect(merged.allSatisfy { hasRule ? $0 >= pages * 98 / 100 : $0 == 0 })
            for worker in workers {
                try await worker.tell("write 3 7000000")
                try await worker.verify()
            }
        }
    }
}
