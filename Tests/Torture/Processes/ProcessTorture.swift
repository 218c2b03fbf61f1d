import ArgumentParser
import CTortureWriters
import Glibc

/// Processes of several kinds under a daemon that is killed and stopped, as they are themselves.
struct ProcessTorture: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "processes",
        abstract: "Tortures same-page merging across processes, and checks every byte.",
        discussion: """
            Rounds, each with a daemon and programs of its own: in a storm the programs do everything with their memory \
            that programs do, while they and the daemon are killed, stopped and started at random; then all rest, and \
            sharing must be back within four full scans of a new daemon; then all end, and the daemon must hold nothing \
            any more. In every second round others write too, through pins: the kernel, by O_DIRECT and for a FUSE file, and \
            other processes; and pages are lent to pipes.

            The exit status is 1 when a byte was wrong, a program had to wait longer than a second, something \
            failed, or (in a run of 30 seconds or more) too little was merged, written or killed.
            """)

    @Option(help: "How long, in seconds.")
    var seconds = 60
    @Option(help: "What chance comes from.")
    var seed: UInt64 = 1
    @Option(help: "Only rounds with (true) or without (false) writes through pins.")
    var pins: Bool?
    @Flag(help: "Trap writes to merged pages, so that they merge again.")
    var trap = false
    @Option(
        help: """
            A safety to take out, only with an agent built with the trait Mutants: \
            \(Mutant.allCases.map(\.rawValue).joined(separator: ", ")).
            """)
    var mutant: String?
    @Option(help: "The program samepage; beside this one if not given.")
    var samepage: String?

    func validate() throws {
        guard seconds > 0 else { throw ValidationError("at least 1 second is needed") }
        if let mutant {
            guard Mutant(rawValue: mutant) != nil else { throw ValidationError("there is no mutant '\(mutant)'") }
            #if !Mutants
                throw ValidationError("mutants need a build with --traits Mutants")
            #endif
        }
    }

    func run() throws {
        let beside = FileTree.target(ofLink: "/proc/self/exe")?.split(separator: "/").dropLast().joined(separator: "/")
        let options = ProcessOptions(
            seconds: seconds, seed: seed, pins: pins, traps: trap, mutant: mutant.flatMap(Mutant.init(rawValue:)),
            samepage: samepage ?? "/\(beside ?? "")/samepage")
        // Orphans of killed programs come to us.
        tw_adopt_orphans()
        let folder = try FileTree.makeFolder()
        let tool = "\(folder)/torture"
        try torture(options, folder: folder, tool: tool)
    }

    /// Nanoseconds.
    private static let longestRound: UInt64 = 30_000_000_000
    private static let shortestRound: UInt64 = 10_000_000_000

    private func torture(_ options: ProcessOptions, folder: String, tool: String) throws {
        let sources = "\(#filePath)".split(separator: "/").dropLast(3).joined(separator: "/")
        try Torture.run(
            [
                "cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", tool,
                "/\(sources)/Programs/Torture/torture.c",
            ], log: "\(folder)/cc.log")
        let board = try Board(path: "\(folder)/board", places: Crew.kinds.count)
        let findings = Findings()
        var report = ProcessReport(options: options, board: board)
        let start = Raw.now
        let length = UInt64(seconds) * 1_000_000_000
        // A round is over before its time when all comes to rest sooner: there are as many as fit.
        while report.rounds == 0 || Raw.now - start + ProcessTorture.shortestRound <= length, !findings.isBad {
            let left = length - min(length, Raw.now - start)
            let round = ProcessRound(
                number: report.rounds, options: options, board: board, folder: folder, findings: findings, tool: tool,
                script: "/\(sources)/Programs/Torture/torture.py")
            let sums = findings.expect("round \(report.rounds)") {
                try round.run(nanoseconds: min(left, ProcessTorture.longestRound))
            }
            if let sums { report.daemons.add(sums, less: Watcher.Sums()) }
            report.rounds += 1
        }
        report.seconds = Double(Raw.now - start) / 1e9
        report.findings = findings.all
        print(report.table)
        guard report.complaints.isEmpty else {
            print("what daemon and programs said: \(folder)")
            throw ExitCode(1)
        }
        FileTree.remove(folder)
    }
}
