import Glibc
import Testing

extension RealPrograms {
    /// Where memory, map entries, descriptors or room for the log are short nothing is merged that cannot be, and
    /// nothing breaks.
    struct ScarcityTests {
        /// The command that becomes a command with limits of the shell's `ulimit`.
        private static func limited(_ limits: String) -> [String] {
            ["/bin/sh", "-c", "\(limits) && exec \"$@\"", "sh"]
        }

        /// A daemon whose log cannot be written, or that nobody reads, goes on.
        @Test(.timeLimit(.minutes(1)), arguments: ["full device", "full disk", "closed pipe", "full pipe"])
        func logThatCannotBeWritten(_ kind: String) async throws {
            let folder = try Folder()
            let disk = "\(folder.path)/disk"
            let script: String
            switch kind {
            case "full device": script = "exec \"$@\" 2>/dev/full"
            case "full disk": script = "exec \"$@\" 2>>\(disk)/log"
            // The other end is gone; or it sleeps, and the pipe has no room.
            case "closed pipe": script = "{ \"$@\" 2>&1 >&3 | :; } 3>&1"
            default: script = "{ { head -c 65536 /dev/zero; exec \"$@\" 2>&1 >&3; } | sleep 1000; } 3>&1"
            }
            if kind == "full disk" {
                // SAFETY: the texts outlive the calls.
                unsafe mkdir(disk, 0o755)
                try #require(unsafe mount("none", disk, "tmpfs", 0, "size=64k") == 0, "no tmpfs")
                let filled = try await run(["/bin/sh", "-c", "cat /dev/zero >\(disk)/file 2>/dev/null; : >\(disk)/log"])
                try #require(filled.status == 0)
            }
            defer { if kind == "full disk" { unsafe umount2(disk, Int32(MNT_DETACH)) } }
            let daemon = try await TestDaemon(["--log-level", "trace"], prefix: ["/bin/sh", "-c", script, "sh"])
            let crowd = try await Crowd(2, pages: 1024, of: daemon)
            try await crowd.verify()
            for worker in crowd.workers {
                let status = try await worker.child.finish()
                #expect(status == 0)
            }
            try await daemon.waitForClients(0)
        }

        /// A daemon that has no map entries left: what it cannot map is not merged.
        @Test(.timeLimit(.minutes(1))) func daemonWithoutMapEntries() async throws {
            let library = try await Programs.shared.path("few_entries", options: ["-shared", "-fPIC"])
            let daemon = try await TestDaemon(
                prefix: ["/usr/bin/env", "FEW_ENTRIES=200", "LD_PRELOAD=\(library)"])
            #expect(Machine.text(ofFile: "/proc/\(daemon.child.process)/maps").count { $0 == "\n" } > 60_000)
            var crowd = try await Crowd(2, pages: 2048, of: daemon)
            try await crowd.act()
            try await Task.sleep(for: .milliseconds(500))
            for _ in 0..<2 { try await crowd.add() }
            try await Task.sleep(for: .milliseconds(500))
            try await crowd.rest(Array(crowd.workers.prefix(2)))
            try await crowd.expectSharingIsBack()
            try await crowd.end()
        }

        /// A daemon with little address space: frames that it cannot map are not there, and it runs on.
        @Test(.timeLimit(.minutes(1))) func daemonWithoutAddressSpace() async throws {
            let plain = try await TestDaemon()
            let size = Machine.text(ofFile: "/proc/\(plain.child.process)/status").split(separator: "\n")
                .first { $0.hasPrefix("VmSize:") }?.split(whereSeparator: \.isWhitespace)
            let kilobytes = try #require(size.flatMap { $0.count > 1 ? Int($0[1]) : nil })
            // Room for threads, for what it keeps of pages, and for no segment of 64 MiB.
            let daemon = try await TestDaemon(prefix: Self.limited("ulimit -v \(kilobytes + 60_000)"))
            var workers: [Worker] = []
            for _ in 0..<2 {
                var worker = try await Worker.start(daemon.agent())
                try await worker.map(pages: 2048, seed: 1000)
                try await worker.tell("mark")
                try await worker.tell("act")
                workers.append(worker)
            }
            try await Task.sleep(for: .seconds(2))
            for worker in workers {
                let acts = try await worker.rest()
                #expect(acts.longest < .seconds(1), "\(acts)")
                try await worker.verify()
            }
            print("a daemon without address space: \(daemon.child.hasEnded ? "ended" : "runs"); \(daemon.child.errors)")
            if !daemon.child.hasEnded {
                let status = try await daemon.waitForFullScans(2)
                print("pages shared: \(status.pagesShared)")
            }
        }

        /// A memory cgroup of the daemon's own: frames stop before the kernel kills it. Killed all the same, it is a
        /// crash like any other.
        @Test(.timeLimit(.minutes(2)), .enabled(if: MemoryGroup.obstacle == nil, "\(MemoryGroup.obstacle ?? "")"))
        func daemonWithLittleMemory() async throws {
            let group = try MemoryGroup(limit: 64 << 20)
            let daemon = try await TestDaemon(prefix: group.prefix)
            let crowd = try await Crowd(2, pages: 2048, of: daemon)
            // 96 MiB of frames would be wanted.
            var large: [Worker] = []
            for _ in 0..<2 {
                var worker = try await Worker.start(daemon.agent())
                try await worker.map(pages: 24576, seed: 500_000)
                try await worker.tell("mark")
                large.append(worker)
            }
            try await daemon.waitForFullScans(4)
            print(
                "daemon in a group of 64 MiB: \(daemon.storedBytes >> 20) MiB of frames, \(group.peak >> 20) MiB at most"
            )
            #expect(daemon.storedBytes > 16 << 20)
            #expect(!daemon.child.hasEnded, "the daemon was killed")
            for worker in large { try await worker.verify() }
            // Now it is killed by the kernel: for what it keeps of 128 MiB more.
            try await crowd.act()
            try group.tighten()
            var last = try await Worker.start(daemon.agent())
            try await last.map(pages: 32768, seed: 900_000)
            try await last.tell("mark")
            let ended = try await daemon.child.end(within: .seconds(20))
            #expect(ended == 128 + SIGKILL)
            group.set(limit: 1 << 30)
            try await last.verify()
            let lastEnded = try await last.child.finish()
            #expect(lastEnded == 0)
            try await daemon.restart()
            try await crowd.rest()
            for worker in large {
                try await worker.verify()
                let ended = try await worker.child.finish()
                #expect(ended == 0)
            }
            try await crowd.waitUntilSharingIsBack()
            // A client that the kernel kills, in the middle of it.
            let small = try MemoryGroup(limit: 64 << 20)
            var victim = try await Worker.start(small.prefix + daemon.agent())
            try await victim.map(pages: crowd.pages, seed: 1000)
            try await victim.tell("mark")
            try await eventually("its memory is merged", within: .seconds(20)) {
                try await victim.merged() >= crowd.pages * 95 / 100
            }
            try small.tighten()
            try victim.child.say("write 1 5000000")
            let killed = try await victim.child.end(within: .seconds(20))
            #expect(killed == 128 + SIGKILL)
            try await crowd.waitUntilSharingIsBack()
            try await crowd.end()
        }

        /// More clients than the daemon has descriptors for: those that it serves share.
        @Test(.timeLimit(.minutes(1))) func daemonWithoutDescriptors() async throws {
            let daemon = try await TestDaemon(prefix: Self.limited("ulimit -n 44"))
            let crowd = try await Crowd(2, pages: 2048, of: daemon)
            var more: [Worker] = []
            for _ in 0..<8 {
                var worker = try await Worker.start(daemon.agent())
                try await worker.map(pages: 64, seed: 1000)
                try await worker.tell("mark")
                more.append(worker)
            }
            try await crowd.act()
            try await Task.sleep(for: .seconds(1))
            try await crowd.rest()
            #expect(!daemon.child.hasEnded)
            for worker in more {
                try await worker.verify()
                let ended = try await worker.child.finish()
                #expect(ended == 0)
            }
            try await crowd.waitUntilSharingIsBack()
            try await crowd.end()
        }

        /// A client whose user can queue no more signals, while the daemon does nothing: its calls come back.
        @Test(.timeLimit(.minutes(1)), .enabled(if: Machine.program("prlimit") != nil, "needs prlimit"))
        func clientWithoutSignals() async throws {
            let daemon = try await TestDaemon()
            let crowd = try await Crowd(1, pages: 1024, of: daemon)
            let prlimit = [try #require(Machine.program("prlimit")), "--sigpending=0"]
            var worker = try await Worker.start(prlimit + daemon.agent())
            try await worker.map(pages: 1024, seed: 1000)
            try await worker.tell("mark")
            try await eventually("its memory is merged", within: .seconds(20)) {
                try await worker.merged() >= 1024 * 98 / 100
            }
            try await daemon.set("run", 0)
            // What it was asked before has its time to be answered.
            try await Task.sleep(for: .milliseconds(300))
            let clock = ContinuousClock()
            let time = try await clock.measure { try await worker.tell("unmark") }
            #expect(time < .seconds(1))
            let merged = try await worker.merged()
            #expect(merged == 0)
            try await worker.verify()
            let ended = try await worker.child.finish()
            #expect(ended == 0)
            try await crowd.end()
        }

        /// A client that has used up its descriptors before the agent's thread starts, and one that has used up its map
        /// entries.
        @Test(.timeLimit(.minutes(1)), arguments: ["files", "entries 24"])
        func clientWithNothingLeft(_ command: String) async throws {
            let daemon = try await TestDaemon()
            let crowd = try await Crowd(2, pages: 2048, of: daemon)
            var worker = try await Worker.start(Self.limited("ulimit -n 256") + daemon.agent())
            try await worker.map(pages: 2048, seed: 1000)
            let taken = try await worker.child.ask(command)
            print("\(command): \(taken)")
            try #require(taken.hasPrefix("ok "))
            try await worker.tell("mark")
            try await worker.tell("act")
            try await Task.sleep(for: .seconds(1))
            try await crowd.rest([worker])
            try await worker.verify()
            if command == "files" {
                // The agent's descriptors are its own.
                let status = try await daemon.waitForClients(3, mergeableBytes: 3 * 2048 * 4096)
                #expect(status.clients.contains { $0.pid == worker.process })
                try await eventually("all share", within: .seconds(20)) {
                    try await daemon.status().pagesGivenBack >= 2 * 2048 * 98 / 100
                }
                try await worker.verify()
            }
            let ended = try await worker.child.finish()
            #expect(ended == 0)
            try await crowd.act()
            try await crowd.rest()
            try await crowd.waitUntilSharingIsBack()
            try await crowd.end()
        }
    }
}
