import ArgumentParser
import Assembly
import Merger
import Simulation

/// `samepage simulate`.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run a scenario on simulated memory: programs, what they do, and what the merger counts.",
        discussion: """
            Deterministic, and without any privilege. The exit status is 1 when an expectation of the scenario does not \
            hold. Documentation/Scenarios.md describes the files.
            """)

    @Argument(help: "A file in YAML.")
    var scenario: String

    @Option(help: "Whose behaviour the merger has: linux or 2009. Without it, all that the scenario is made for.")
    var dialect: DialectArgument?

    @Flag(help: "How the timeline is printed.")
    var format = Format.table

    @Option(help: ArgumentHelp("Write a plot of the counters over full scans to this file, in SVG.", valueName: "file"))
    var svg: String?

    enum Format: String, EnumerableFlag { case table, json, csv }

    func run() throws {
        let file = try ScenarioFile(TextFile.read(scenario), path: scenario)
        let dialects = dialect.map { [$0.dialect] } ?? file.dialects
        let reports = try dialects.map { try ScenarioReport(file, dialect: $0, path: scenario) }
        // First of all what can fail: nothing is printed then.
        if let svg, let last = reports.last { try ScenarioPlot(last.run).write(to: svg) }
        switch format {
        case .table: print(reports.map(\.table).joined(separator: "\n"), terminator: "")
        case .csv: print(ScenarioReport.csv(reports), terminator: "")
        case .json: print(try JSONOutput.text(of: reports), terminator: "")
        }
        let failures = reports.flatMap { $0.failures(path: scenario) }
        guard let first = failures.first else { return }
        throw failures.count == 1 ? first : CommandFailure("\(first) (and \(failures.count - 1) more)")
    }
}
