import ControlSocket
import FrontEnd

extension StatusReport {
    /// The report for people, with a newline at the end.
    package func text(_ socketPath: String) -> String {
        var parts = [heading(socketPath), memoryTable]
        parts.append(status.clients.isEmpty ? "No programs: start some with 'samepage run'.\n" : clientTable)
        if let reasonTable { parts.append(reasonTable) }
        parts.append(settingTable)
        return parts.joined(separator: "\n")
    }

    private func heading(_ socketPath: String) -> String {
        let description = status.description
        let domains =
            description.domains == 1 ? "1 merge domain" : "\(Numbers.count(description.domains)) merge domains"
        let lines = [
            "Daemon on \(socketPath): \(state), up \(Numbers.duration(description.uptimeSeconds)), \(domains).",
            "\(description.checksum), stable \(description.stableTree), unstable \(description.unstableTree), "
                + "policy \(description.policy), memory \(description.memory), "
                + "front ends \(description.frontEnds.joined(separator: ", "))",
            description.rewrittenPages.map { "Rewritten pages: \($0)" },
            description.limitation.map { "Nothing merges: \($0)" },
        ]
        return lines.compactMap(\.self).map { StandardError.printable($0) + "\n" }.joined()
    }

    /// What the merger does now.
    private var state: String {
        switch (number("run"), number("pages_to_scan")) {
        case (0, _): "stopped: run is 0"
        case (2, _): "stopped: run is 2, everything is unmerged"
        case (_, 0): "stopped: pages_to_scan is 0"
        default: status.clients.isEmpty ? "waiting for programs" : "scanning"
        }
    }

    private var memoryTable: String {
        var table = TextTable()
        table.add("Memory", "pages", "size")
        func add(_ name: String, pages: Int) {
            table.add(name, Numbers.count(pages), Numbers.size(pages * status.pageSize))
        }
        let mergeable = status.clients.reduce(0) { $0 + $1.mergeableBytes }
        if status.pageSize > 0 { add("mergeable", pages: mergeable / status.pageSize) }
        for (name, attribute) in [
            ("frames (pages_shared)", "pages_shared"), ("pages saved by them (pages_sharing)", "pages_sharing"),
            ("zeros given back (ksm_zero_pages)", "ksm_zero_pages"),
            ("without a twin (pages_unshared)", "pages_unshared"),
            ("changing, or new (pages_volatile)", "pages_volatile"),
        ] {
            if let pages = number(attribute) { add(name, pages: pages) }
        }
        table.add("stored by the daemon", "", Numbers.size(status.description.storedBytes))
        if let profit = number("general_profit") { table.add("gained (general_profit)", "", Numbers.size(profit)) }
        return table.text
    }

    private var clientTable: String {
        var table = TextTable()
        table.add("Program", "pid", "user", "mergeable", "sharing", "zeros", "orphaned", "gained", "not merged")
        for client in status.clients {
            table.add(
                StandardError.printable(client.command), String(client.pid), String(client.user),
                Numbers.size(client.mergeableBytes), Numbers.size(client.pagesSharing * status.pageSize),
                Numbers.size(client.zeroPages * status.pageSize), Numbers.size(client.orphanedPages * status.pageSize),
                Numbers.size(client.profitBytes), Numbers.size(client.notMerged.values.reduce(0, +)))
        }
        return table.text
    }

    /// Why memory is not merged, the most first.
    private var reasonTable: String? {
        let reasons = status.clients.reduce(into: [String: (bytes: Int, programs: Int)]()) { reasons, client in
            for (reason, bytes) in client.notMerged where bytes > 0 {
                reasons[reason, default: (0, 0)].bytes += bytes
                reasons[reason, default: (0, 0)].programs += 1
            }
        }
        guard !reasons.isEmpty else { return nil }
        var table = TextTable()
        table.add("Marked and not merged, because", "programs", "size")
        for (reason, sum) in reasons.sorted(by: { ($1.value.bytes, $0.key) < ($0.value.bytes, $1.key) }) {
            table.add(StandardError.printable(reason), Numbers.count(sum.programs), Numbers.size(sum.bytes))
        }
        return table.text
    }

    private var settingTable: String {
        var table = TextTable()
        table.add("Attribute", "value")
        for entry in attributes { table.add(entry.name, StandardError.printable(entry.value)) }
        return table.text
    }
}
