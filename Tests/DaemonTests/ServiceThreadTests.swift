import CLinuxMemory
import Daemon
import FrontEnd
import Glibc
import Merger
import Synchronization
import Testing
import Wire

extension ServiceTests {
    /// The daemon's threads: what they cost, and that they hold together.
    @Suite("threads")
    struct Threads {
        /// A thread of this process, as /proc shows it.
        private struct Sighting {
            var name: String
            var fields: [String: String]
            var nice: Int
        }

        private func sightings() -> [Sighting] {
            guard let directory = unsafe opendir("/proc/self/task") else { return [] }
            defer { unsafe closedir(directory) }
            var found: [Sighting] = []
            while let entry = unsafe readdir(directory) {
                let number = unsafe withUnsafePointer(to: entry.pointee.d_name) {
                    unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
                }
                guard let thread = Int32(number), let status = text("/proc/self/task/\(thread)/status") else {
                    continue
                }
                var fields: [String: String] = [:]
                for line in status.split(separator: "\n") {
                    let parts = line.split(separator: "\t", maxSplits: 1)
                    if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
                }
                let nice = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(thread))
                found.append(Sighting(name: fields["Name:"] ?? "", fields: fields, nice: Int(nice)))
            }
            return found
        }

        private func text(_ path: String) -> String? {
            guard let file = unsafe fopen(path, "r") else { return nil }
            defer { unsafe fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 8192)
            let count = unsafe fread(&bytes, 1, bytes.count, file)
            return String(decoding: bytes[..<count], as: UTF8.self)
        }

        @Test("without clients nothing wakes up; with clients there is one thread a domain, at its priority")
        func idle() async throws {
            let rig = try await ServiceRig { $0.nice = 7 }
            func switches() -> [String] {
                sightings().filter { $0.name.hasPrefix("samepage-") }
                    .map { "\($0.name) \($0.fields["voluntary_ctxt_switches:"] ?? "")" }
            }
            // Threads of daemons that have just ended are still on their way out.
            #expect(try await ServiceRig.waits { switches().count == 1 })
            // The listener may still be on its way to where it waits.
            var isIdle = false
            for _ in 0..<10 where !isIdle {
                let before = switches()
                #expect(before.count == 1 && before[0].hasPrefix("samepage-listen"))
                try await Task.sleep(for: .seconds(1))
                isIdle = switches() == before
            }
            #expect(isIdle, "no second passes without a wake-up")

            _ = try rig.client([1])
            let threads = sightings().filter { $0.name == "samepage-\(getuid())" }
            #expect(threads.count == 1 && threads.first?.nice == 7)
            // All that can be blocked: glibc keeps 32 and 33 for itself.
            #expect(
                threads.first?.fields["SigBlk:"].flatMap { UInt64($0, radix: 16) }.map {
                    ~$0 & ~0x1_8000_0000 & ~0x40100
                } == 0)
            rig.stopAgents()
            #expect(eventually { !sightings().contains { $0.name == "samepage-\(getuid())" } })
            try await rig.stop()
            #expect(eventually { !sightings().contains { $0.name.hasPrefix("samepage-") } })
        }

        @Test("clients come and go while others look and change, and the daemon stops in the middle of it")
        func churn() async throws {
            for round in 0..<3 {
                let rig = try await ServiceRig { $0.lingerSeconds = 0 }
                let isOver = Atomic<Bool>(false)
                let failures = Mutex<[String]>([])
                let clients = (0..<3).map { number in
                    Thread {
                        var random = UInt64(number &+ round &* 7 &+ 1)
                        while !isOver.load(ordering: .relaxed) {
                            random = random &* 6_364_136_223_846_793_005 &+ 1
                            let salt = random >> 40 % 3
                            guard
                                let agent = try? rig.client([1, 1, 2, 0, random >> 33], within: 2, { $0.salt = salt })
                            else {
                                continue
                            }
                            agent.add(2, seeds: [1, 2, nil, 3])
                            usleep(useconds_t(random >> 50))
                            agent.remove(1)
                            agent.add(3, seeds: [3, 3])
                            usleep(useconds_t(random >> 50))
                            let isWhole = agent.read(3, 1) == content(3) && agent.read(2, 0) == content(1)
                            if !isWhole { failures.withLock { $0.append("a page has another content") } }
                            agent.stop()
                        }
                    }
                }
                let observer = Thread {
                    var number = 0
                    while !isOver.load(ordering: .relaxed) {
                        number += 1
                        do {
                            let counters = try rig.daemon.counters()
                            if counters.pagesShared < 0 || counters.pagesVolatile < 0 || counters.items < 0 {
                                failures.withLock { $0.append("a counter is negative: \(counters)") }
                            }
                            _ = try rig.daemon.clients()
                            _ = try rig.daemon.asSeen(by: 4711).clients()
                            _ = try rig.daemon.description()
                            if number % 5 == 0 { try rig.daemon.set("run", to: number % 10 == 0 ? "2" : "1") }
                            try rig.daemon.set("row_length", to: String(number % 60 + 1))
                            try rig.daemon.set("vma_budget_percent", to: String(number % 90 + 1))
                        } catch {
                            failures.withLock { $0.append("\(error)") }
                        }
                    }
                }
                try await Task.sleep(for: .seconds(2))
                if round == 2 { try await rig.stopDaemon() }
                isOver.store(true, ordering: .relaxed)
                for client in clients { client.join() }
                observer.join()
                if round != 2 {
                    #expect(eventually { (try? rig.daemon.description().domains) == 0 })
                    #expect(try rig.daemon.counters().items == 0)
                    #expect(failures.withLock { $0 } == [])
                    #expect(!rig.log.has("dropped"), "\(rig.log.all.filter { $0.contains("dropped") })")
                }
                try await rig.stop()
            }
        }
    }
}
