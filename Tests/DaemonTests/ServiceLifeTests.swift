import CLinuxMemory
import Daemon
import FrontEnd
import Glibc
import Merger
import Remap
import Testing
import Wire

extension ServiceTests {
    /// How a daemon begins and ends, and clients that do not keep up.
    @Suite("begin, end, and clients that do not keep up")
    struct Life {
        private func refusal(_ settings: DaemonSettings) async -> String {
            do {
                try await ServiceRig.daemon(settings).run()
                return "it ran"
            } catch {
                return "\(error)"
            }
        }

        @Test("where a daemon cannot listen it says why in one line")
        func cannotListen() async throws {
            let rig = try await ServiceRig()
            var settings = DaemonSettings()
            settings.socketPath = rig.path
            #expect(await refusal(settings) == "a daemon already answers on \(rig.path)")
            settings.socketPath = rig.path + ".d/s"
            #expect(await refusal(settings).contains("directory of \(settings.socketPath) does not exist"))
            settings.socketPath = "/" + String(repeating: "x", count: 107)
            #expect(await refusal(settings).contains("108 bytes"))
            settings.socketPath = ""
            #expect(await refusal(settings).contains("0 bytes"))
            settings.socketPath = "/proc/s"
            #expect(await refusal(settings).contains("/proc/s"))
            settings.socketPath = rig.path + ".file"
            close(unsafe open(settings.socketPath, O_CREAT | O_WRONLY, 0o600))
            #expect(await refusal(settings).contains("is no socket"))
            unsafe unlink(settings.socketPath)
            settings.clientGroup = "no-such-group"
            #expect(await refusal(settings).contains("there is no group 'no-such-group'"))
            settings.clientGroup = ""
            settings.vmaBudgetPercent = 91
            #expect(await refusal(settings).contains("vmaBudgetPercent"))
            try await rig.stop()
        }

        @Test("a socket that an earlier daemon left is replaced; a daemon takes only its own away")
        func stale() async throws {
            let rig = try await ServiceRig()
            let path = rig.path
            let moved = path + ".moved"
            // As if the daemon had crashed: its file remains, and nobody answers.
            #expect(unsafe rename(path, moved) == 0)
            try await rig.stopDaemon()
            #expect(unsafe access(moved, F_OK) == 0)
            #expect(unsafe rename(moved, path) == 0)
            let next = try await ServiceRig { $0.socketPath = path }
            _ = try next.client([1, 1])
            #expect(eventually { (try? next.daemon.counters().pagesSharing) == 1 })
            // Somebody else's file in its place stays.
            unsafe unlink(path)
            close(unsafe open(path, O_CREAT | O_WRONLY, 0o600))
            try await next.stopDaemon()
            #expect(unsafe access(path, F_OK) == 0)
            unsafe unlink(path)
            try await next.stop()
            try await rig.stop()
        }

        @Test("a daemon that was stopped can run again, with domains of its own")
        func restart() async throws {
            let rig = try await ServiceRig()
            let first = try rig.client([1, 1, 1])
            #expect(eventually { (try? rig.daemon.counters().pagesSharing) == 2 })
            let store = first.locked { first.welcome!.storeHigh }
            try await rig.stopDaemon()
            #expect(unsafe access(rig.path, F_OK) != 0)
            #expect(try rig.daemon.clients().isEmpty && rig.daemon.counters().pagesShared == 0)
            let again = Task { try await rig.daemon.run() }
            #expect(try await ServiceRig.waits { rig.log.count("serving user") == 2 })
            let second = try rig.client([2, 2])
            #expect(second.locked { second.welcome!.storeHigh } != store)
            #expect(eventually { (try? rig.daemon.counters().pagesSharing) == 1 })
            again.cancel()
            try await again.value
            try await rig.stop()
        }

        @Test("the socket belongs to its user alone, or to the group of clients")
        func mode() async throws {
            func mode(_ path: String) -> (mode_t, gid_t) {
                var status = stat()
                // SAFETY: a string terminated by zero and a local structure.
                unsafe lstat(path, &status)
                return (status.st_mode & 0o777, status.st_gid)
            }
            let alone = try await ServiceRig()
            #expect(mode(alone.path).0 == 0o600)
            try await alone.stop()
            guard getuid() == 0 else { return }
            let group = try await ServiceRig { $0.clientGroup = "nogroup" }
            #expect(mode(group.path) == (0o660, 65534))
            try await group.stop()
        }

        @Test("a client that does not read is dropped, and the others get their settings")
        func slowReader() async throws {
            let rig = try await ServiceRig()
            let slow = try rig.dial()
            let bytes = ServiceRig.hello()
            // SAFETY: as many bytes as the array has.
            _ = unsafe bytes.withUnsafeBytes { unsafe lm_send(slow, $0.baseAddress, $0.count, nil, 0) }
            #expect(eventually { (try? rig.daemon.clients().count) == 1 })
            let agent = try rig.client([1])
            for round in 0..<2000 { try rig.daemon.set("vma_budget_percent", to: String(round % 90 + 1)) }
            #expect(eventually { rig.log.count("is dropped") == 1 })
            try rig.daemon.set("vma_budget_percent", to: "17")
            #expect(eventually { agent.locked { agent.settings?.vmaBudgetPercent } == 17 })
            #expect(try rig.daemon.clients().count == 1)
            close(slow)
            try await rig.stop()
        }

        @Test("clients that keep silent cost those who look no more time than one of them")
        func silentClients() async throws {
            let rig = try await ServiceRig()
            try rig.daemon.set("run", to: "0")
            for _ in 0..<8 {
                try rig.client([1]).misbehave { _, kind, _ in kind == .statistics ? .keepSilent : .send }
            }
            let honest = try rig.client([1])
            // What was said less than a second ago is not asked for again.
            try await Task.sleep(for: .milliseconds(1100))
            let start = lm_monotonic_nanoseconds()
            _ = try rig.daemon.description()
            #expect(lm_monotonic_nanoseconds() - start < 4_000_000_000)
            // They are left alone, and given up ten seconds later.
            #expect(try rig.daemon.clients().count == 9)
            #expect(eventually(within: 30) { (try? rig.daemon.clients().count) == 1 })
            #expect(honest.locked { honest.welcome != nil })
            try await rig.stop()
        }

        @Test(
            "a stopped process is parked: it stays counted, and the domain goes on",
            .enabled(if: ServiceProcess.missing == nil, "needs /usr/bin/python3"))
        func stoppedProcess() async throws {
            let rig = try await ServiceRig()
            let process = try ServiceProcess(path: rig.path)
            #expect(eventually { (try? rig.daemon.clients().first?.mergeableBytes) == 64 * pageSize })
            let agent = try rig.client([1, 1, 1, 1])
            #expect(eventually { (try? rig.daemon.counters().pagesSharing) == 3 })
            #expect(try rig.daemon.description().domains == 1)
            process.send(SIGSTOP)
            let start = lm_monotonic_nanoseconds()
            agent.write(1, 0, seed: 7)
            agent.add(2, seeds: [7, 7])
            #expect(eventually { (try? rig.daemon.counters().pagesSharing) == 4 })
            #expect(lm_monotonic_nanoseconds() - start < 4_000_000_000)
            #expect(!rig.log.has("did not answer"), "\(rig.log.all)")
            #expect(try rig.daemon.clients().count == 2)
            process.send(SIGCONT)
            try await rig.stop()
        }

        @Test(
            "a process that gives up rights leaves its domain, where later frames lie elsewhere",
            .enabled(if: ServiceProcess.missing == nil, "needs /usr/bin/python3"))
        func confinedProcess() async throws {
            let rig = try await ServiceRig()
            let agent = try rig.client([1, 1, 2, 2])
            #expect(eventually { (try? rig.daemon.counters().pagesSharing) == 2 })
            #expect(agent.locked { agent.segments.count } == 1)
            let process = try ServiceProcess(path: rig.path, mode: "confine")
            #expect(
                eventually {
                    _ = try? rig.daemon.clients()
                    return rig.log.has("process \(process.pid) (python3)") && rig.log.has("has changed its rights")
                })
            #expect(eventually { (try? rig.daemon.clients().map(\.pid)) == [getpid()] })
            agent.add(2, seeds: [7, 7])
            #expect(eventually { (try? rig.daemon.counters().pagesSharing) == 3 })
            #expect(agent.locked { agent.segments.count } == 2)
            try await rig.stop()
        }

        @Test(
            "a process of which nothing is asked leaves its domain all the same when it gives up rights",
            .enabled(if: ServiceProcess.missing == nil, "needs /usr/bin/python3"))
        func confinedQuietly() async throws {
            let rig = try await ServiceRig()
            let process = try ServiceProcess(path: rig.path, mode: "quiet")
            #expect(
                eventually(within: 20) {
                    rig.log.has("process \(process.pid) (python3)") && rig.log.has("has changed its rights")
                }, "\(rig.log.all)")
            try await rig.stop()
        }

        @Test(
            "users share nothing and see only what is theirs; processes that protect their memory are refused",
            .enabled(if: getuid() == 0 && ServiceProcess.missing == nil, "needs root, for processes of other users"))
        func users() async throws {
            let rig = try await ServiceRig { $0.clientGroup = "nogroup" }
            let processes = try [
                ServiceProcess(path: rig.path, user: 4711, group: 65534),
                ServiceProcess(path: rig.path, user: 4711, group: 65534),
                ServiceProcess(path: rig.path, user: 4712, group: 65534),
                ServiceProcess(path: rig.path, user: 4711, group: 65534, salt: 9),
            ]
            #expect(eventually { (try? rig.daemon.clients().count) == 4 })
            #expect(try rig.daemon.description().domains == 3)
            let mine = rig.daemon.asSeen(by: 4711)
            #expect(try Set(mine.clients().map(\.pid)) == Set([processes[0], processes[1], processes[3]].map(\.pid)))
            #expect(try mine.description().domains == 2 && mine.clients().allSatisfy { $0.user == 4711 })
            #expect(throws: DaemonError.self) { try mine.set("run", to: "0") }
            let report = try #require(mine.clients().first)
            #expect(report.command == "python3" && report.mergeableBytes == 64 * pageSize)
            #expect(report.orphanedPages == 3 && report.notMerged.isEmpty)
            // Each agent says that it took 5 microseconds.
            #expect(try mine.description().cpuNanoseconds >= 15000)

            let protected = try ServiceProcess(path: rig.path, user: 4711, group: 65534, mode: "protect")
            #expect(eventually { rig.log.has("process \(protected.pid) of user 4711 is not served") })
            let apart = try ServiceProcess(path: rig.path, user: 4711, group: 65534, mode: "namespace")
            #expect(
                eventually {
                    rig.log.has("process \(apart.pid) of user 4711 is not served")
                        || (try? rig.daemon.description().domains) == 4
                })
            // Not in the group: the file system keeps it out.
            let stranger = try ServiceProcess(path: rig.path, user: 4713, group: 4713)
            var status: Int32 = 0
            // SAFETY: a local variable.
            #expect(unsafe waitpid(stranger.pid, &status, 0) == stranger.pid && status != 0)
            processes[2].send(SIGKILL)
            #expect(eventually { (try? rig.daemon.asSeen(by: 4712).clients().isEmpty) == true })
            try await rig.stop()
        }
    }
}

extension ServiceTests {
    @Test("what keeps programs from merging is said with what an administrator can do")
    static func limitations() {
        var features = RemapFeatures.probe()
        features.userfault = .full
        features.asyncWriteProtect = true
        features.move = true
        features.pagemapScan = true
        features.memfd = true
        func limitation(_ device: Int32, _ release: String = "6.18.1-generic") -> String? {
            UserfaultDevice.limitation(user: 1000, device: device, features: features, release: release)
        }
        #expect(limitation(5) == nil && limitation(-13) == nil)
        #expect(limitation(5, "6.7.12")?.contains("Linux 6.7.12, and merging needs Linux 6.8") == true)
        #expect(limitation(5, "5.19")?.contains("6.8") == true && limitation(5, "10.0-rc1") == nil)
        for userfault in [RemapFeatures.Userfault.none, .userMode] {
            features.userfault = userfault
            #expect(limitation(5) == nil)
            let denied = limitation(-13)
            #expect(denied?.contains("setfacl -m u:1000:rw /dev/userfaultfd") == true)
            #expect(denied?.contains("chgrp") == true && denied?.contains("vm.unprivileged_userfaultfd=1") == true)
            #expect(limitation(-2)?.contains("no /dev/userfaultfd") == true)
            #expect(limitation(-2)?.contains("vm.unprivileged_userfaultfd=1") == true)
        }
        features.move = false
        #expect(limitation(5)?.contains("UFFDIO_MOVE") == true)
    }
}
