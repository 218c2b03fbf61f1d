import ArgumentParser
import Assembly

/// `samepage demo`.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Merge real content in this process, and verify every byte at each step.",
        discussion: """
            Fills several copies with pages of this machine's files; in each copy some pages differ and some are zeros. \
            Then merges, reads everything again, writes to some merged pages, merges again, and unmerges. Memory is what \
            the kernel's accounts say: the process's anonymous memory and the merger's frames. CPU and time are those \
            of merging until nothing is left to merge.

            Succeeds if every byte was right after each step and at least 90 % of the duplicate bytes were given back, \
            also after reading. Needs Linux 6.8 or later, and root or access to /dev/userfaultfd.
            """)

    @Option(help: ArgumentHelp("Size of each copy in MiB.", valueName: "M"))
    var mib = 128

    @Option(help: ArgumentHelp("Copies of the content.", valueName: "N"))
    var copies = 4

    @Flag(help: "Print one JSON object; sizes in bytes.")
    var json = false

    @Option(help: ArgumentHelp("The checksum of pages; 'samepage strategies' lists them.", valueName: "name"))
    var checksum = SamepageConfiguration().checksum

    @Option(help: ArgumentHelp("The index of both trees; 'samepage strategies' lists them.", valueName: "name"))
    var tree = SamepageConfiguration().stableTree

    func validate() throws {
        try check("--mib", mib, in: 8...1_048_576)
        try check("--copies", copies, in: 2...256)
        let registry = StrategyRegistry.standard
        try check("checksum", checksum, among: Array(registry.checksums.keys))
        try check("tree", tree, among: Array(registry.trees.keys))
    }

    func run() async throws {
        let report = try await Demo(mebibytes: mib, copies: copies, checksum: checksum, tree: tree).run()
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
