import ArgumentParser
import Assembly

/// `samepage demo`.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Merge real content of several processes, and verify every byte at each step.",
        discussion: """
            Starts processes that fill their memory with pages of this machine's files; in each process some pages differ \
            and some are zeros. A daemon within this program and the agent in each process merge them. All is read \
            again, some merged pages are written to, which keep memory of their own, what can be is merged again, and then \
            merging is undone.

            Memory is what the kernel's accounts say: the anonymous memory of the processes and of the daemon, and what \
            holds the merged contents. CPU is that of the daemon's merging threads and of the agents; time and CPU are \
            those of merging until nothing is left to merge: three further scans find nothing. So that this takes \
            seconds, the daemon scans with sleep_millisecs \(Demo.sleepMillisecs) instead of its default.

            Succeeds if every byte was right after each step and at least 90 % of the duplicate bytes were given back, \
            also after reading, less 4 MiB that a daemon takes for itself. Needs Linux 6.8 or later, root or access to /dev/userfaultfd, and the agent's library.
            """)

    @Option(help: ArgumentHelp("Memory of each process in MiB.", valueName: "M"))
    var mib = 128

    @Option(help: ArgumentHelp("Processes to start.", valueName: "N"))
    var processes = 4

    @Flag(help: "Print one JSON object; sizes in bytes.")
    var json = false

    @Option(help: ArgumentHelp("The checksum of pages; 'samepage strategies' lists them.", valueName: "name"))
    var checksum = SamepageConfiguration().checksum

    @Option(help: ArgumentHelp("The index of both trees; 'samepage strategies' lists them.", valueName: "name"))
    var tree = SamepageConfiguration().stableTree

    func validate() throws {
        try check("--mib", mib, in: 8...1_048_576)
        try check("--processes", processes, in: 2...256)
        let registry = StrategyRegistry.standard
        try check("checksum", checksum, among: Array(registry.checksums.keys))
        try check("tree", tree, among: Array(registry.trees.keys))
    }

    func run() async throws {
        let report = try await Demo(mebibytes: mib, processes: processes, checksum: checksum, tree: tree).run()
        print(try json ? JSONOutput.text(of: report) : report.text, terminator: "")
        let failures = report.failures
        if !failures.isEmpty { throw CommandFailure(failures.joined(separator: "; ")) }
    }

    private func check(_ option: String, _ value: Int, in range: ClosedRange<Int>) throws {
        guard !range.contains(value) else { return }
        throw ValidationError("\(option) \(value) is not from \(range.lowerBound) to \(range.upperBound)")
    }

    private func check(_ kind: String, _ name: String, among names: [String]) throws {
        guard !names.contains(name) else { return }
        throw ValidationError(
            "\(kind) '\(name)' is not known: choose one of \(names.sorted().joined(separator: ", "))")
    }
}
