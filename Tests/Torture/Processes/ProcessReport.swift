/// What was asked for.
struct ProcessOptions {
    var seconds: Int
    var seed: UInt64
    var pins: Bool?
    /// Whether writes to merged pages are trapped.
    var traps: Bool
    var mutant: Mutant?
    /// The program `samepage`.
    var samepage: String
}

/// The numbers of all rounds.
struct ProcessReport {
    let options: ProcessOptions
    let board: Board
    var seconds = 0.0
    var rounds = 0
    var daemons = Watcher.Sums()
    var findings = Findings.State()

    /// What is wrong; empty for a good run.
    var complaints: [String] {
        var list: [String] = []
        if findings.wrong > 0 { list.append("\(findings.wrong) programs found wrong bytes") }
        let hangs = board.sum(.hangs)
        if hangs > 0 { list.append("\(hangs) times a program hung") }
        if findings.errors > 0 { list.append("\(findings.errors) unexpected errors") }
        guard list.isEmpty, options.seconds >= 30, options.mutant == nil else { return list }
        let least = [
            ("pages merged", daemons.merged, 20_000 * options.seconds / 60),
            ("writes that met a merge in flight", daemons.writesWaited, 20 * options.seconds / 60),
            ("times that the daemon was killed", times("times that the daemon was killed"), 3),
            ("programs killed", times("programs killed"), 5),
            ("restarts measured", times("restarts after which sharing was measured"), 1),
        ]
        for (what, found, wanted) in least where found < wanted {
            list.append("\(what): only \(found), at least \(wanted) are wanted")
        }
        return list
    }

    private func times(_ what: String) -> Int { findings.operations[what, default: 0] }

    private var rows: [(String, UInt64)] {
        let longest = (1...board.places).max { board[$0, .longest] < board[$1, .longest] } ?? 1
        let what = Board.whats[min(Int(board[longest, .longestWhat]), Board.whats.count - 1)]
        var rows = [
            ("operations", board.sum(.operations)), ("pages written", board.sum(.writes)),
            ("pages verified by their owners", board.sum(.pagesVerified)),
            ("pages looked at by others", board.sum(.pagesRead)),
            ("pages found merged before a write", board.sum(.mergedSeen)),
            ("pages that a write parted from their frame", board.sum(.sharingBroken)),
            ("forks", board.sum(.forks)), ("execs", board.sum(.execs)), ("other programs started", board.sum(.spawns)),
            ("programs that ended by themselves", board.sum(.ends)),
            ("calls refused as the kernel does", board.sum(.refused)),
            ("reads with O_DIRECT", board.sum(.directReads)), ("reads of a FUSE file", board.sum(.fileReads)),
            ("writes by another process", board.sum(.childWrites)), ("times that pages were lent", board.sum(.loans)),
            ("pages merged", UInt64(daemons.merged)),
            ("writes that met a merge in flight", UInt64(daemons.writesWaited)),
            ("pages that changed before they were merged", UInt64(daemons.changed)),
            ("pages that were busy", UInt64(daemons.busy)), ("full scans", UInt64(daemons.fullScans)),
            ("most pages given back at once", UInt64(daemons.mostSharing)),
        ]
        rows += findings.operations.sorted { $0.key < $1.key }.map { ($0.key, UInt64($0.value)) }
        rows += [
            ("microseconds, the longest time of an operation (\(what))", board[longest, .longest] / 1000),
            ("hangs", board.sum(.hangs)), ("wrong bytes", board.sum(.wrong)),
            ("unexpected errors", UInt64(findings.errors)),
        ]
        return rows
    }

    var table: String {
        var lines = rows.map { name, number in
            let digits = String(number)
            return String(repeating: " ", count: max(0, 12 - digits.count)) + digits + "  " + name
        }
        lines += findings.notes.map { "  " + $0 }
        let verdict = complaints.isEmpty ? "nothing wrong" : "FAILED: " + complaints.joined(separator: "; ")
        lines.append("seed \(options.seed), \(rounds) rounds, \(Double(Int(seconds * 10)) / 10) s: \(verdict)")
        return lines.joined(separator: "\n")
    }
}
