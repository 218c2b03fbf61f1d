import InProcess
import Merger

/// The numbers of all rounds.
struct Report {
    let options: TortureOptions
    var seconds = 0.0
    var rounds = 0
    var merged: UInt64 = 0
    var writesWaited: UInt64 = 0
    var readsWaited: UInt64 = 0
    var movedBack: UInt64 = 0
    var repaired: UInt64 = 0
    var pagesLost: UInt64 = 0
    var windows: UInt64 = 0
    var cpu = StepTimes()
    var notMerged: [String: UInt64] = [:]
    var findings = Findings.State()

    init(options: TortureOptions) { self.options = options }

    mutating func add(_ counters: Counters, _ statistics: MemoryStatistics) {
        rounds += 1
        merged += counters.pagesMerged
        writesWaited += statistics.writesWaited
        readsWaited += statistics.readsWaited
        movedBack += statistics.pagesMovedBack
        repaired += statistics.repairedMoves
        pagesLost += statistics.pagesLost
        windows += statistics.windows
        cpu.observe += statistics.cpu.observe
        cpu.checksum += statistics.cpu.checksum
        cpu.fill += statistics.cpu.fill
        cpu.merge += statistics.cpu.merge
        cpu.unmerge += statistics.cpu.unmerge
        cpu.total += statistics.cpu.total
        for (outcome, count) in counters.notMerged { notMerged["\(outcome)", default: 0] += count }
    }

    /// What is wrong; empty for a good run.
    var complaints: [String] {
        var list: [String] = []
        if findings.lost > 0 { list.append("\(findings.lost) writes were lost") }
        if findings.wrong > 0 { list.append("\(findings.wrong) reads were wrong") }
        if findings.errors > 0 { list.append("\(findings.errors) unexpected errors") }
        if pagesLost > 0 { list.append("the merger gave up \(pagesLost) pages") }
        if list.isEmpty, options.seconds >= 30, options.kinds.count == Kind.allCases.count {
            if merged < 100_000 { list.append("only \(merged) pages were merged: at least 100000 are wanted") }
            if writesWaited < 1000 {
                list.append("only \(writesWaited) writes met a merge in flight: at least 1000 are wanted")
            }
        }
        return list
    }

    private var rows: [(String, UInt64)] {
        [
            ("pages merged", merged), ("windows", windows), ("writes that met a merge in flight", writesWaited),
            ("reads that met a merge in flight", readsWaited), ("pages moved back", movedBack),
            ("moves repaired by the page map", repaired), ("pages given up", pagesLost),
            ("CPU ms of the merger: observing", cpu.observe / 1_000_000),
            ("CPU ms of the merger: checksums", cpu.checksum / 1_000_000),
            ("CPU ms of the merger: filling frames", cpu.fill / 1_000_000),
            ("CPU ms of the merger: merging", (cpu.merge - min(cpu.merge, cpu.fill)) / 1_000_000),
            ("CPU ms of the merger: unmerging", cpu.unmerge / 1_000_000),
            ("CPU ms of the merger: all", cpu.total / 1_000_000),
        ]
    }

    var table: String {
        var lines = rows.map { "\(Report.pad($0.1))  \($0.0)" }
        for (reason, count) in notMerged.sorted(by: { $0.key < $1.key }) {
            lines.append("\(Report.pad(count))  not merged: \(reason)")
        }
        for (name, count) in findings.operations.sorted(by: { $0.key < $1.key }) {
            lines.append("\(Report.pad(UInt64(count)))  \(name)")
        }
        lines.append("\(Report.pad(UInt64(findings.lost)))  writes lost")
        lines.append("\(Report.pad(UInt64(findings.wrong)))  wrong reads")
        lines.append("\(Report.pad(UInt64(findings.errors)))  unexpected errors")
        lines += findings.notes.map { "  " + $0 }
        let time = Double(Int(seconds * 10)) / 10
        lines.append("seed \(options.seed), \(rounds) rounds, \(time) s: " + verdict)
        return lines.joined(separator: "\n")
    }

    private var verdict: String {
        complaints.isEmpty ? "nothing lost, nothing wrong" : "FAILED: " + complaints.joined(separator: "; ")
    }

    var json: String {
        var fields = rows.map { "\(Report.quote($0.0)): \($0.1)" }
        fields += findings.operations.sorted { $0.key < $1.key }.map { "\(Report.quote($0.key)): \($0.value)" }
        fields += notMerged.sorted { $0.key < $1.key }.map { "\(Report.quote("not merged: " + $0.key)): \($0.value)" }
        fields += [
            "\"writes lost\": \(findings.lost)", "\"wrong reads\": \(findings.wrong)",
            "\"unexpected errors\": \(findings.errors)", "\"seed\": \(options.seed)", "\"rounds\": \(rounds)",
            "\"seconds\": \(seconds)",
            "\"notes\": [\(findings.notes.map(Report.quote).joined(separator: ", "))]",
            "\"complaints\": [\(complaints.map(Report.quote).joined(separator: ", "))]",
        ]
        return "{" + fields.joined(separator: ", ") + "}"
    }

    private static func pad(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: " ", count: max(0, 12 - digits.count)) + digits
    }

    private static func quote(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
