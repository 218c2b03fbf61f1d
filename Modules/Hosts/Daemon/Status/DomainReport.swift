import CLinuxMemory
import FrontEnd
import Merger
import PageMemory
import Wire

/// A domain at one moment.
struct DomainReport: Sendable {
    var counters = Counters()
    var storedBytes = 0
    var cpuNanoseconds: UInt64 = 0
    var writesWaited: UInt64 = 0
}

extension DomainEngine {
    /// What agents said is asked for again when it is older.
    private static let freshness: UInt64 = 1_000_000_000

    /// The domain, with CPU time and memory.
    func report() -> DomainReport {
        hearAgents()
        refreshCounters()
        return lastReport()
    }

    /// The same without asking agents anything.
    func lastReport() -> DomainReport {
        var report = DomainReport()
        let statistics = memory.base.statistics
        report.counters = counters(with: statistics)
        report.storedBytes = statistics.storedBytes
        report.writesWaited = statistics.writesWaited
        report.cpuNanoseconds = lm_thread_cpu_nanoseconds() &+ cpuOfAgents
        return report
    }

    /// The merger's counters. What merging takes besides the merger's own state counts against its profit: frames kept
    /// that no page needs, the agents' own memory, and the kernel's for map entries.
    func counters(with statistics: DaemonMemoryStatistics) -> Counters {
        var counters = merger.counters
        counters.extraBytes += max(0, statistics.storedBytes - statistics.framesInUse * memory.pageSize)
        for client in clients {
            guard let figures = client.statistics?.figures else { continue }
            // An agent may say anything: it has no more entries than its process, and two for each page.
            let entries = min(UInt64(min(figures.mergedEntries, figures.mapEntries)), 2 * client.pages)
            counters.extraBytes += Int(min(figures.ownBytes, 1 << 30)) + Int(entries) * Self.bytesOfMapEntry
        }
        return counters
    }

    /// What the kernel keeps for a map entry (vm_area_struct, anon_vma_chain and their share of the tree), as measured.
    private static let bytesOfMapEntry = 257

    /// CPU time of agents, those that have left included, as last heard.
    var cpuOfAgents: UInt64 {
        clients.reduce(cpuOfAgentsBefore) { $0 &+ $1.cpuNanoseconds }
    }

    /// The domain's clients, in the order in which they came.
    ///
    /// - Complexity: O(n) in the pages of the domain.
    func clientReports() -> [ClientReport] {
        hearAgents()
        refreshCounters()
        return clients.map(report)
    }

    /// While clients are scanned anyway they are asked so often: what an agent used is not known any more when its
    /// process has ended.
    static let usualAge: UInt64 = 5_000_000_000

    /// Asks agents for figures of which the last are older: all at once, so that those who keep silent cost no more
    /// time than one. Whether they still belong here is looked at as often.
    ///
    /// - Parameter quietToo: Whether those are asked of whom nothing was asked since.
    func hearAgents(after age: UInt64 = freshness, quietToo: Bool = true) {
        let now = lm_monotonic_nanoseconds()
        let isLate = { (time: UInt64?) in time.map { now &- $0 >= age } ?? true }
        var heard: [Client] = []
        for client in clients where !client.connection.isDead {
            if isLate(client.examined) {
                client.examined = now
                if hasChanged(client) {
                    client.connection.fail("the process has changed its rights, and may join anew as what it is now")
                    // It still maps frames: later ones lie elsewhere.
                    memory.base.store.beginSegment()
                    continue
                }
            }
            guard !client.connection.isParked, isLate(client.asked),
                quietToo || client.connection.requests != client.requestsWhenAsked
            else { continue }
            client.asked = now
            _ = client.connection.askForStatistics()
            client.requestsWhenAsked = client.connection.requests
            heard.append(client)
        }
        for client in heard {
            guard var statistics = client.connection.collectStatistics() else { continue }
            // No thread has used more than its process, whatever the agent says.
            let before = client.statistics?.figures.cpuNanoseconds ?? 0
            statistics.figures.cpuNanoseconds = max(
                before, min(statistics.figures.cpuNanoseconds, client.identity.cpuNanoseconds))
            client.statistics = statistics
        }
    }

    /// Whether a process that lives is none of this domain any more: it has given up rights since it joined.
    private func hasChanged(_ client: Client) -> Bool {
        do throws(Refusal) {
            if membership.key(try ProcessFacts(pid: client.identity.pid), salt: key.salt) == key { return false }
        } catch {
            if error.isShortage { return false }
        }
        // Of one that has ended the facts are gone, or another's.
        return !client.identity.hasEnded
    }

    private func report(_ client: Client) -> ClientReport {
        let identity = client.identity
        let pageSize = memory.pageSize
        var report = ClientReport(pid: identity.pid, user: identity.user, command: identity.command)
        report.domain = key.reason
        var refused = 0
        for area in client.areas.values {
            client.reasons.formUnion(memory.takeReasons(of: area.id))
            guard let census = merger.census(of: area.id) else { continue }
            report.mergeableBytes += Int(area.pageCount) * pageSize
            report.pagesSharing += census.merged
            report.zeroPages += census.zeroed
            report.rmapItems += census.items
            refused += census.refused
        }
        report.profitBytes =
            (report.pagesSharing + report.zeroPages) * pageSize - report.rmapItems * merger.bytesPerItem
        if refused > 0 {
            // Which page was left alone for which reason nobody keeps: several reasons stand together.
            let reasons = client.reasons.sorted { $0.rawValue < $1.rawValue }.map(\.reason)
            report.notMerged[reasons.isEmpty ? "left alone for now" : reasons.joined(separator: ", or ")] =
                refused * pageSize
        } else {
            client.reasons.removeAll()
        }
        if let statistics = client.statistics {
            // An agent may say anything; sums of such figures must not overflow anywhere.
            report.orphanedPages = Int(min(UInt64(statistics.figures.orphanedPages), Client.mostPages))
            var room = Client.mostPages * UInt64(pageSize)
            for refusal in statistics.refusals where refusal.bytes > 0 {
                let reason = WireReason(rawValue: refusal.reason).map { "\($0.text)" } ?? "reason \(refusal.reason)"
                let bytes = min(refusal.bytes, room)
                room -= bytes
                if bytes > 0 { report.notMerged[reason, default: 0] += Int(bytes) }
            }
        }
        return report
    }
}
