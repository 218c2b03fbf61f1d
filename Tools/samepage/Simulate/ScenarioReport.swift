import Assembly
import Merger
import Simulation

/// What came out of a scenario in one dialect.
struct ScenarioReport {
    let dialect: MergerDialect
    private(set) var run: ScenarioRun

    /// Runs a scenario with the kernel's settings, but for those that it sets itself. The merger runs from the start.
    ///
    /// - Throws: ``CommandFailure`` that names the file, the line and the field.
    init(_ file: ScenarioFile, dialect: MergerDialect, path: String) throws(CommandFailure) {
        self.dialect = dialect
        var configuration = SamepageConfiguration()
        let registry = StrategyRegistry.standard
        let kernels = [
            ("dialect", dialect.rawValue), ("useZeroPages", "false"), ("rowLength", "1"), ("pagesToScan", "100"),
            ("sleepMillisecs", "20"),
        ].map { ScenarioFields.Pair(name: $0, value: $1, line: 0) }
        for setting in kernels + file.configuration {
            do throws(ConfigurationError) {
                guard setting.name != "dialect" || setting.line == 0 else {
                    throw ConfigurationError(message: "the field 'dialects' says what it is run in")
                }
                guard let key = registry.configurationKeys.first(where: { $0.name == setting.name }) else {
                    throw ConfigurationError(
                        message: "there is no key '\(setting.name)'; 'samepage daemon --help' lists all")
                }
                try configuration.set(key, to: setting.value)
            } catch {
                throw CommandFailure("\(path):\(setting.line): field 'configuration': \(error.message)")
            }
        }
        do throws(ConfigurationError) {
            run = ScenarioRun(file.scenario(in: dialect), parts: try configuration.makeParts(from: registry))
        } catch {
            throw CommandFailure("\(path): field 'configuration': \(error.message)")
        }
        do throws(ScenarioFailure) {
            try run.finish()
        } catch {
            throw error.inFile(path, dialect)
        }
    }

    /// The expectations that did not hold, one line each.
    func failures(path: String) -> [CommandFailure] { run.failures.map { $0.inFile(path, dialect) } }

    private static let columns: [(name: String, value: @Sendable (Counters) -> Int)] = [
        ("pages_shared", { $0.pagesShared }), ("pages_sharing", { $0.pagesSharing }),
        ("pages_unshared", { $0.pagesUnshared }),
        ("pages_volatile", { $0.pagesVolatile }), ("ksm_zero_pages", { $0.zeroPages }),
        ("pages_scanned", { Int($0.pagesScanned) }), ("pages_skipped", { Int($0.pagesSkipped) }),
    ]

    /// The timeline for people. What few scenarios are about is left out of the others.
    var table: String {
        let columns = Self.columns.filter { column in
            !["ksm_zero_pages", "pages_skipped"].contains(column.name)
                || run.timeline.contains { column.value($0.counters) != 0 }
        }
        var table = TextTable()
        table.add(["Event", "scans", "ms"] + columns.map { $0.name })
        for moment in run.timeline {
            table.add(
                [StandardError.printable(moment.event), String(moment.scans), String(moment.nanoseconds / 1_000_000)]
                    + columns.map { String($0.value(moment.counters)) })
        }
        let expectations =
            switch run.failures.count {
            case 0: "all expectations hold"
            case 1: "1 expectation fails"
            default: "\(run.failures.count) expectations fail"
            }
        let about = run.scenario.about.isEmpty ? "" : StandardError.printable(run.scenario.about) + "\n"
        return
            "\(StandardError.printable(run.scenario.name)), dialect \(dialect.rawValue): \(expectations).\n\(about)\n\(table.text)"
    }

    /// All timelines as comma-separated values with a heading.
    static func csv(_ reports: [ScenarioReport]) -> String {
        var lines = [
            (["dialect", "event", "line", "scans", "nanoseconds"] + columns.map { $0.name }).joined(separator: ",")
        ]
        for report in reports {
            for moment in report.run.timeline {
                let event = "\"\(moment.event.replacing("\"", with: "\"\""))\""
                let cells =
                    [
                        report.dialect.rawValue, event, String(moment.line), String(moment.scans),
                        String(moment.nanoseconds),
                    ]
                    + columns.map { String($0.value(moment.counters)) }
                lines.append(cells.joined(separator: ","))
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension ScenarioReport: Encodable {
    private enum CodingKeys: String, CodingKey { case name, dialect, failures, timeline }

    private struct Entry: Encodable {
        let moment: Moment

        func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: NamedKey.self)
            try fields.encode(moment.event, forKey: NamedKey("event"))
            try fields.encode(moment.line, forKey: NamedKey("line"))
            try fields.encode(moment.scans, forKey: NamedKey("scans"))
            try fields.encode(moment.nanoseconds, forKey: NamedKey("nanoseconds"))
            for column in ScenarioReport.columns {
                try fields.encode(column.value(moment.counters), forKey: NamedKey(column.name))
            }
        }
    }

    private struct NamedKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(run.scenario.name, forKey: .name)
        try fields.encode(dialect.rawValue, forKey: .dialect)
        try fields.encode(run.failures.map(\.description), forKey: .failures)
        try fields.encode(run.timeline.map { Entry(moment: $0) }, forKey: .timeline)
    }
}

extension ScenarioFailure {
    /// With the file, the line and the field.
    fileprivate func inFile(_ path: String, _ dialect: MergerDialect) -> CommandFailure {
        CommandFailure("\(path):\(line): field '\(field)': \(message) (dialect \(dialect.rawValue))")
    }
}
