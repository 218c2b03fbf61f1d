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

        /// What could not be merged is tried again after some scans.
        private static let oftenScanning = ["--sleep-millisecs", "20"]

        /// Takes from a daemon what new frames need, and gives it back: meanwhile nothing is merged, the status says what
        /// is short, and nothing breaks; afterwards all is merged.
        private static func expectToMergeLess(
            _ daemon: TestDaemon, take: () async throws -> Void, giveBack: () async throws -> Void
        ) async throws {
            var crowd = try await Crowd(2, pages: 2048, of: daemon)
            // The next frame is the first of a new segment.
            try await daemon.set("run", 2)
            try await eventually("no frame is left", within: .seconds(20)) {
                try await daemon.status().pagesShared == 0 && daemon.storedBytes == 0
            }
            try await take()
            try await daemon.set("run", 1)
            try await crowd.act()
            var last: Status?
            try await eventually("frames are wanted, and cannot be made", within: .seconds(20)) {
                let status = try await daemon.status()
                last = status
                return status.clients.count == 2
                    && status.clients.allSatisfy { client in
                        client.notMerged.contains { $0.key.contains("no memory left for it") && $0.value > 0 }
                    }
            } found: {
                "\(String(describing: last)); \(daemon.child.errors)"
            }
            try await crowd.rest()
            #expect(!daemon.child.hasEnded, "\(daemon.child.errors)")
            let shared = try await daemon.status().pagesShared
            #expect(shared == 0)
            try await giveBack()
            try await crowd.add()
            try await crowd.waitUntilSharingIsBack()
            try await crowd.end()
        }

        /// Sets a limit of a daemon, as prlimit names it, and leaves what root may raise it to.
        private static func set(_ limit: String, of daemon: TestDaemon) async throws {
            let prlimit = try #require(Machine.program("prlimit"))
            let result = try await run([prlimit, "--pid", "\(daemon.child.process)", "--\(limit):"])
            try #require(result.status == 0, "\(result.errors)")
        }

        /// A daemon that has no map entries left: what it cannot map is not merged.
        @Test(.timeLimit(.minutes(1))) func daemonWithoutMapEntries() async throws {
            let library = try await Programs.shared.path("few_entries", options: ["-shared", "-fPIC"])
            let daemon = try await TestDaemon(
                Self.oftenScanning, prefix: ["/usr/bin/env", "LD_PRELOAD=\(library)"])
            try await Self.expectToMergeLess(daemon) {
                kill(daemon.child.process, SIGUSR1)
                try await soon("its map entries are taken") { daemon.child.errors.contains("no map entries left") }
            } giveBack: {
                kill(daemon.child.process, SIGUSR2)
            }
        }

        /// A daemon with little address space: frames that it cannot map are not there.
        @Test(.timeLimit(.minutes(1)), .enabled(if: Machine.program("prlimit") != nil, "needs prlimit"))
        func daemonWithoutAddressSpace() async throws {
            let daemon = try await TestDaemon(Self.oftenScanning)
            try await Self.expectToMergeLess(daemon) {
                let size = Machine.text(ofFile: "/proc/\(daemon.child.process)/status").split(separator: "\n")
                    .first { $0.hasPrefix("VmSize:") }?.split(whereSeparator: \.isWhitespace)
                let kilobytes = try #require(size.flatMap { $0.count > 1 ? Int($0[1]) : nil })
                // Room for what it keeps of pages, and for no segment of 64 MiB.
                try await Self.set("as=\((kilobytes << 10) + 32 << 20)", of: daemon)
            } giveBack: {
                try await Self.set("as=unlimited", of: daemon)
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
            let peak = try #require(group.peak)
            print("daemon in a group of 64 MiB: \(daemon.storedBytes >> 20) MiB of frames, \(peak >> 20) MiB at most")
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

        /// A client whose group has no room left lives on: merging needs next to none, and what it gave back is there again
        /// when the client wants it. Where pages merge one by one their map entries stay, two of 256 bytes at most for each.
        @Test(
            .timeLimit(.minutes(1)), .enabled(if: MemoryGroup.obstacle == nil, "\(MemoryGroup.obstacle ?? "")"),
            arguments: [1, 2])
        func clientWithoutMemory(step: Int) async throws {
            let daemon = try await TestDaemon()
            let crowd = try await Crowd(1, pages: 8192, of: daemon)
            try await daemon.set("run", 0)
            let group = try MemoryGroup(limit: 256 << 20)
            var worker = try await Worker.start(group.prefix + daemon.agent())
            try await worker.map(pages: crowd.pages, seed: 1000)
            try await worker.tell(step == 1 ? "mark" : "mark \(step)")
            let marked = crowd.pages / step
            try await daemon.waitForClients(2, mergeableBytes: (crowd.pages + marked) * 4096)
            try group.tighten(leaving: 256 << 10 + (step == 1 ? 0 : marked * 512))
            let before = try #require(group.usage)
            try await daemon.set("run", 1)
            try await eventually("its memory is merged", within: .seconds(20)) {
                try await worker.merged() >= marked * 95 / 100
            }
            let after = try #require(group.usage)
            print("client in a full group: \(before >> 10) KiB before merging, \(after >> 10) KiB after")
            #expect(before - after >= marked * 4096 * 9 / 10)
            try await worker.verify()
            try await worker.tell("write 1 5000000")
            try await worker.verify()
            let ended = try await worker.child.finish()
            #expect(ended == 0)
            try await crowd.end()
        }

        /// A daemon without descriptors: for frames, for another connection, for another client.
        @Test(.timeLimit(.minutes(2)), .enabled(if: Machine.program("prlimit") != nil, "needs prlimit"))
        func daemonWithoutDescriptors() async throws {
            // Half of them for clients, at four each.
            let (enough, mostClients) = (80, 10)
            let daemon = try await TestDaemon(Self.oftenScanning, prefix: Self.limited("ulimit -n \(enough)"))
            /// Leaves it so many, once the connection of the last status is closed.
            func leave(_ free: Int) async throws {
                var (limit, last) = (Self.limitOfDescriptors(of: daemon, free: free), -1)
                while limit != last {
                    try await Task.sleep(for: .milliseconds(200))
                    (limit, last) = (Self.limitOfDescriptors(of: daemon, free: free), limit)
                }
                try await Self.set("nofile=\(limit)", of: daemon)
            }
            func giveBack() async throws { try await Self.set("nofile=\(enough)", of: daemon) }
            func expectToSay(_ text: String) async throws {
                try await eventually("it says '\(text)'", within: .seconds(20)) {
                    daemon.child.errors.contains(text)
                } found: {
                    daemon.child.errors
                }
            }
            // One is for whoever asks how it is.
            try await Self.expectToMergeLess(daemon, take: { try await leave(1) }, giveBack: giveBack)
            var crowd = try await Crowd(2, pages: 2048, of: daemon)
            // Who comes now is let in later.
            try await leave(0)
            try await crowd.add()
            try await expectToSay("no connection can be accepted for now")
            try await giveBack()
            try await crowd.waitUntilSharingIsBack()
            // Who comes now is heard, and told that it cannot be served.
            var others: [Worker] = []
            func startAnother() async throws {
                var worker = try await Worker.start(daemon.agent())
                try await worker.map(pages: 64, seed: 1000)
                try await worker.tell("mark")
                others.append(worker)
            }
            try await leave(1)
            try await startAnother()
            try await expectToSay("is not served: the daemon has no descriptors left")
            try await giveBack()
            // More than it serves: those that it does share.
            for _ in crowd.workers.count...mostClients { try await startAnother() }
            try await crowd.act()
            try await expectToSay("is not served: the daemon serves \(mostClients) programs, and no more are possible")
            try await crowd.rest()
            #expect(!daemon.child.hasEnded)
            for worker in others {
                try await worker.verify()
                let ended = try await worker.child.finish()
                #expect(ended == 0)
            }
            try await crowd.waitUntilSharingIsBack()
            try await crowd.end()
        }

        /// The limit that leaves a daemon so many descriptors: it is one of their numbers.
        private static func limitOfDescriptors(of daemon: TestDaemon, free: Int) -> Int {
            let used = Set(Machine.names(inFolder: "/proc/\(daemon.child.process)/fd").compactMap { Int($0) })
            return (0..<1024).filter { !used.contains($0) }[free]
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
