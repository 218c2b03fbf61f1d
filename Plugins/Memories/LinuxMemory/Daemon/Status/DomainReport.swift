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
}

extension DomainEngine {
    /// What agents said is asked for again when it is older.
    private static let freshness: UInt64 = 1_000_000_000

    /// The domain, with CPU time and memory.
    func report() -> DomainReport {
        hearAgents()
        return lastReport()
    }

    /// The same without asking agents anything.
    func lastReport() -> DomainReport {
        var report = DomainReport()
        report.counters = merger.counters
        report.storedBytes = memory.base.statistics.storedBytes
        report.cpuNanoseconds = lm_thread_cpu_nanoseconds() &+ cpuOfAgents
        return report
    }

    /// CPU time of agents, those that have left included, as last heard.
    var cpuOfAgents: UInt64 {
        clients.reduce(cpuOfAgentsBefore) { $0 &+ ($1.statistics?.figures.cpuNanoseconds ?? 0) }
    }

    /// The domain's clients, in the order in which they came.
    ///
    /// - Complexity: O(n) in the pages of the domain.
    func clientReports() -> [ClientReport] {
        hearAgents()
        return clients.map(report)
    }

    /// Asks agents for their figures.
    private func hearAgents() {
        for client in clients where !client.connection.isDead {
            let now = lm_monotonic_nanoseconds()
            if let asked = client.asked, now &- asked < Self.freshness { continue }
            client.asked = now
            if let statistics = client.connection.fetchStatistics() { client.statistics = statistics }
        }
    }

    private func report(_ client: Client) -> ClientReport {
        let identity = client.identity
        let pageSize = memory.pageSize
        var report = ClientReport(pid: identity.pid, user: identity.user, command: identity.command)
        var items = 0
        var refused = 0
        for area in client.areas.values {
            client.reasons.formUnion(memory.takeReasons(of: area.id))
            guard let census = merger.census(of: area.id) else { continue }
            report.mergeableBytes += Int(area.pageCount) * pageSize
            report.pagesSharing += census.merged
            report.zeroPages += census.zeroed
            items += census.items
            refused += census.refused
        }
        report.profitBytes = (report.pagesSharing + report.zeroPages) * pageSize - items * Counters.bytesPerItem
        if refused > 0 {
            // Which page was left alone for which reason nobody keeps: several reasons stand together.
            let reasons = client.reasons.sorted { $0.rawValue < $1.rawValue }.map(\.reason)
            report.notMerged[reasons.isEmpty ? "left alone for now" : reasons.joined(separator: ", or ")] =
                refused * pageSize
        } else {
            client.reasons.removeAll()
        }
        if let statistics = client.statistics {
            report.orphanedPages = Int(clamping: statistics.figures.orphanedPages)
            for refusal in statistics.refusals where refusal.bytes > 0 {
                let reason = WireReason(rawValue: refusal.reason).map { "\($0.text)" } ?? "reason \(refusal.reason)"
                let sum = report.notMerged[reason, default: 0].addingReportingOverflow(Int(clamping: refusal.bytes))
                report.notMerged[reason] = sum.overflow ? Int.max : sum.partialValue
            }
        }
        return report
    }
}
