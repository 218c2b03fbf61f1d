import CLinuxMemory
import Daemon
import FrontEnd
import Glibc
import Logging
import Merger
import Testing
import Wire

extension ServiceTests {
    /// What those who look at a daemon see, and what they can change.
    @Suite("control and status")
    struct Control {
        @Test("pages of two clients merge; counters, clients and description tell the truth; run 2 undoes it")
        func merging() async throws {
            let rig = try await ServiceRig()
            let first = try rig.client([1, 1, 2, 3, 0, nil])
            let second = try rig.client([1, 2, 4])
            #expect(eventually { (try? rig.daemon.counters().pagesSharing) == 3 })
            let counters = try rig.daemon.counters()
            #expect(counters.pagesShared == 2 && counters.zeroPages == 1 && counters.pagesMerged >= 6)
            #expect(try rig.daemon.value(of: "pages_sharing") == "3" && rig.daemon.value(of: "pages_shared") == "2")
            #expect(try rig.daemon.value(of: "general_profit") == String(counters.generalProfit(pageSize: pageSize)))

            let clients = try rig.daemon.clients()
            #expect(clients.map(\.mergeableBytes) == [6 * pageSize, 3 * pageSize])
            #expect(clients.map(\.pagesSharing) == [3, 2] && clients.map(\.zeroPages) == [1, 0])
            // The zero page that was given back has no item any more.
            #expect(clients.map(\.rmapItems) == [4, 3])
            let profit = clients.map(\.profitBytes)
            #expect(profit[0] == 4 * pageSize - 4 * Counters.bytesPerItem)
            #expect(profit[1] == 2 * pageSize - 3 * Counters.bytesPerItem)
            #expect(clients[0].notMerged == ["locked in memory": 4096])
            let description = try rig.daemon.description()
            #expect(
                description.domains == 1 && description.storedBytes >= 2 * pageSize && description.cpuNanoseconds > 0)

            try rig.daemon.set("run", to: "2")
            let after = try rig.daemon.counters()
            #expect(after.pagesShared == 0 && after.pagesSharing == 0 && after.fullScans == 0)
            #expect(first.frames(1).allSatisfy { $0 == nil } && second.frames(1).allSatisfy { $0 == nil })
            let isWhole = first.read(1, 2) == content(2) && second.read(1, 1) == content(2)
            #expect(isWhole)
            #expect(try rig.daemon.value(of: "run") == "2")
            try rig.daemon.set("run", to: "1")
            #expect(eventually { (try? rig.daemon.counters().pagesSharing) == 3 })

            // What the first had merged stays merged in the second's memory as long as it is there.
            first.leave()
            #expect(eventually { (try? rig.daemon.clients().count) == 1 })
            let remains = { second.read(1, 0) == content(1) && second.frames(1)[0] != nil }
            #expect(remains())
            try await rig.stopDaemon()
            #expect(remains())
            try await rig.stop()
        }

        @Test("while nothing is scanned counters follow at once, also after answers that came late")
        func lateAnswers() async throws {
            let rig = try await ServiceRig()
            let agent = try rig.client([0, 0, 0, 0])
            #expect(eventually { (try? rig.daemon.counters().zeroPages) == 4 })
            try rig.daemon.set("run", to: "0")
            agent.misbehave { _, kind, _ in
                if kind == .observe { usleep(500_000) }
                return .send
            }
            // At least one of them looks.
            for _ in 0..<3 {
                _ = try rig.daemon.counters()
                usleep(20_000)
            }
            agent.misbehave(nil)
            agent.write(1, 2, seed: 7)
            // Ten times as long as the look took would be five seconds.
            #expect(eventually(within: 4) { (try? rig.daemon.counters().zeroPages) == 3 })
            try await rig.stop()
        }

        @Test("a run 2 that cannot be finished leaves run at 0 and says how many pages stay merged")
        func unmergeFails() async throws {
            let rig = try await ServiceRig()
            let agent = try rig.client([1, 1, 1])
            #expect(eventually { (try? rig.daemon.counters().pagesSharing) == 2 })
            agent.misbehave { _, kind, answer in
                // Outcomes follow the head and the work.
                if kind == .unmerge { for place in 48..<answer.count { answer[place] = 4 } }
                return .send
            }
            do {
                try rig.daemon.set("run", to: "2")
                Issue.record("no error")
            } catch {
                #expect("\(error)".contains("3 pages stay merged"), "\(error)")
            }
            #expect(try rig.daemon.value(of: "run") == "0" && rig.daemon.counters().pagesShared == 1)
            try await rig.stop()
        }

        @Test("attributes are checked before anything changes, and hold for domains that come later")
        func attributes() async throws {
            let rig = try await ServiceRig()
            let daemon = rig.daemon
            let names = try daemon.attributes()
            #expect(names.contains("vma_budget_percent") && names.contains("run") && names.contains("pages_to_scan"))
            for name in names { #expect(try !daemon.value(of: name).isEmpty) }
            for (name, value) in [
                ("run", "3"), ("vma_budget_percent", "0"), ("vma_budget_percent", "91"), ("pages_shared", "1"),
                ("full_scans", "0"), ("nothing", "1"), ("pages_to_scan", "x"), ("row_length", "0"),
            ] {
                let before = try? daemon.value(of: name)
                #expect(throws: DaemonError.self) { try daemon.set(name, to: value) }
                #expect(try daemon.value(of: name == "nothing" ? "run" : name) == before ?? "1")
            }
            #expect(throws: DaemonError.self) { _ = try daemon.value(of: "nothing") }
            try daemon.set("pages_to_scan", to: "77")
            try daemon.set("row_length", to: "4\n")
            let agent = try rig.client([1, 2])
            try daemon.set("vma_budget_percent", to: "33")
            #expect(eventually { agent.locked { agent.settings?.vmaBudgetPercent } == 33 })
            // The value is the domain's own now.
            #expect(try daemon.value(of: "pages_to_scan") == "77" && daemon.value(of: "row_length") == "4")

            var settings = DaemonSettings()
            settings.socketPath = "/elsewhere"
            settings.vmaBudgetPercent = 44
            settings.excludesDontDump = true
            settings.trapsWrites = true
            #expect(try daemon.description().rewrittenPages == "leave")
            daemon.update(settings, attributes: ["pages_to_scan": "88", "sleep_millisecs": "soon"])
            #expect(eventually { agent.locked { agent.settings?.vmaBudgetPercent } == 44 })
            #expect(
                agent.locked { agent.settings?.flags }
                    == WireSettings.excludeDontDump | WireSettings.trapWrites | WireSettings.leaveHot)
            #expect(try daemon.description().rewrittenPages == "trap")
            #expect(try daemon.value(of: "pages_to_scan") == "88" && daemon.value(of: "vma_budget_percent") == "44")
            #expect(
                rig.log.has("only after a restart: socket") && rig.log.has("'soon' is no value for sleep_millisecs"))
            try await rig.stop()
        }

        @Test("another user sees an empty daemon and sets nothing; root sees all")
        func views() async throws {
            let rig = try await ServiceRig()
            _ = try rig.client([1, 1])
            #expect(eventually { (try? rig.daemon.counters().pagesSharing) == 1 })
            let view = rig.daemon.asSeen(by: getuid() &+ 4711)
            #expect(try view.counters() == Counters() && view.clients().isEmpty && view.description().domains == 0)
            #expect(try view.description().storedBytes == 0 && view.value(of: "pages_sharing") == "0")
            #expect(try view.value(of: "full_scans") == "0" && view.attributes() == rig.daemon.attributes())
            #expect(throws: DaemonError.self) { try view.set("run", to: "0") }
            #expect(throws: DaemonError.self) { try view.set("vma_budget_percent", to: "10") }
            #expect(throws: DaemonError.self) { try view.asSeen(by: 4712).set("run", to: "0") }
            for user in [0, getuid()] {
                let all = rig.daemon.asSeen(by: user)
                #expect(try all.counters().pagesSharing == 1 && all.clients().count == 1)
                try all.set("run", to: "1")
            }
            try await rig.stop()
        }

        @Test("clients of different salts share nothing, and those without one have the daemon's")
        func salts() async throws {
            let rig = try await ServiceRig { $0.salt = "pepper" }
            let agents = [
                try rig.client([1, 2]), try rig.client([1, 2]) { $0.salt = 5 }, try rig.client([1, 2]) { $0.salt = 6 },
            ]
            #expect(eventually { (try? rig.daemon.description().domains) == 3 })
            #expect(try rig.awaitScans(6))
            #expect(try rig.daemon.counters().pagesShared == 0)
            _ = try rig.client([1, 2]) { $0.salt = 6 }
            _ = try rig.client([1])
            #expect(eventually { (try? rig.daemon.counters().pagesShared) == 3 })
            #expect(agents[1].frames(1) == [nil, nil])
            let files = agents.map { agent in agent.locked { agent.files } }
            #expect(files[0].isDisjoint(with: files[2]) && files[1].isEmpty)
            #expect(Set(agents.map { agent in agent.locked { agent.welcome!.storeHigh } }).count == 3)
            try await rig.stop()
        }

        @Test("what an agent says of itself is bounded by what can be")
        func boastfulAgent() async throws {
            let rig = try await ServiceRig()
            let agent = try rig.client([1, 2])
            let sizeOfHead = MemoryLayout<WireHeader>.size
            agent.misbehave { _, kind, answer in
                if kind == .statistics {
                    for place in sizeOfHead..<answer.count { answer[place] = 0xFF }
                    // A reason that exists, and as many bytes as there are numbers for.
                    for place in 0..<8 { answer[answer.count - 16 + place] = place == 0 ? 3 : 0 }
                }
                return .send
            }
            #expect(eventually { (try? rig.daemon.clients().first?.orphanedPages ?? 0) ?? 0 > 0 })
            let client = try #require(rig.daemon.clients().first)
            // Sums over thousands of such clients still fit.
            #expect(client.orphanedPages <= 1 << 31 && client.notMerged.values.reduce(0, +) <= pageSize << 31)
            let used = try rig.daemon.description().cpuNanoseconds
            #expect(used < UInt64(clock()) * 2_000 + 60_000_000_000)
            try await rig.stop()
        }

        @Test("a domain lingers after its last client, keeps no page, and what it counted stays counted")
        func linger() async throws {
            let rig = try await ServiceRig { $0.lingerSeconds = 1 }
            let agent = try rig.client([1, 1, 1, 2])
            #expect(eventually { (try? rig.daemon.counters().pagesSharing) == 2 })
            #expect(try rig.awaitScans(3))
            let before = try rig.daemon.counters()
            agent.leave()
            #expect(eventually { (try? rig.daemon.counters().items) == 0 })
            #expect(try rig.daemon.description().domains == 1)
            // Frames that a process still maps take memory, and are shown, whether it is a client or not.
            try await Task.sleep(for: .milliseconds(1500))
            #expect(try rig.daemon.description().domains == 1 && rig.daemon.description().storedBytes >= pageSize)
            agent.stop()
            #expect(eventually { (try? rig.daemon.description().domains) == 0 })
            let after = try rig.daemon.counters()
            #expect(after.pagesMerged >= before.pagesMerged && after.pagesScanned >= before.pagesScanned)
            #expect(after.fullScans >= before.fullScans && after.pagesShared == 0)
            #expect(try rig.daemon.description().cpuNanoseconds > 0)
            try await rig.stop()
        }
    }
}
