import ArgumentParser

/// Merges in one process as fast as it can, while threads, children and devices write, read, fork and discard, and checks
/// every byte by who owns it.
struct InProcessTorture: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "in-process",
        abstract: "Tortures same-page merging in one process, and checks every byte.",
        discussion: """
            Rounds of about three seconds, each with a merger and regions of its own. Threads, this process and others by \
            process_vm_writev (held up in the middle too), reads with O_DIRECT, of a FUSE file past the page cache and by \
            io_uring into registered buffers, and a network device (AF_XDP) write to the same memory; what cannot be had \
            here is left out, and said.

            The exit status is 1 when a write was lost, a read was wrong, an operation failed, or (in a run of 30 \
            seconds or more with all kinds) fewer than 100000 pages were merged or fewer than 1000 writes met a \
            merge in flight.
            """)

    @Option(help: "How long, in seconds.")
    var seconds = 30
    @Option(help: "What chance comes from.")
    var seed: UInt64 = 1
    @Option(help: "Size of the memory that is shared by all, in MiB.")
    var mib = 16
    @Flag(help: "Trap writes to merged pages, so that they merge again.")
    var trap = false
    @Option(help: "Kinds of actors, with commas between: \(Kind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var only: String?
    @Option(
        help: """
            A safety to take out, only in a build with the trait Mutants: \
            \(Mutant.allCases.map(\.rawValue).joined(separator: ", ")).
            """)
    var mutant: String?
    @Flag(help: "Print the numbers as JSON.")
    var json = false

    func validate() throws {
        guard seconds > 0, mib >= 4 else { throw ValidationError("at least 1 second and 4 MiB are needed") }
        _ = try chosenKinds()
        if let mutant {
            guard Mutant(rawValue: mutant) != nil else { throw ValidationError("there is no mutant '\(mutant)'") }
            #if !Mutants
                throw ValidationError("mutants need a build with --traits Mutants")
            #endif
        }
    }

    private func chosenKinds() throws -> [Kind] {
        guard let only else { return Kind.allCases }
        return try only.split(separator: ",").map { name in
            guard let kind = Kind(rawValue: String(name)) else { throw ValidationError("there is no kind '\(name)'") }
            return kind
        }
    }

    func run() throws {
        let options = TortureOptions(
            seconds: seconds, seed: seed, mib: mib, kinds: try chosenKinds(), traps: trap,
            mutant: mutant.flatMap(Mutant.init(rawValue:)))
        // Forked first of all, before there are threads.
        let children = Children()
        defer { children.end() }
        let findings = Findings()
        let contents = Contents()
        var report = Report(options: options)
        let start = Raw.now
        let length = UInt64(seconds) * 1_000_000_000
        let rounds = UInt64(max(2, seconds / 3 / 2 * 2))
        while Raw.now < start + length * 95 / 100, !findings.isBad {
            let round = Round(
                number: report.rounds, options: options, contents: contents, findings: findings, children: children)
            let left = start + length - Raw.now
            let (counters, statistics) = try round.run(nanoseconds: min(left, length / rounds))
            report.add(counters, statistics)
        }
        report.seconds = Double(Raw.now - start) / 1e9
        report.findings = findings.all
        print(json ? report.json : report.table)
        if !report.complaints.isEmpty { throw ExitCode(1) }
    }
}
