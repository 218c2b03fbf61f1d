package import Merger
package import Simulation
import Yams

/// A file that describes a scenario, in YAML.
package struct ScenarioFile: Sendable, Hashable {
    /// The scenario.
    package var scenario: Scenario
    /// The dialects that its figures hold in.
    package var dialects: [MergerDialect]
    /// Keys of the configuration that it sets, with their values.
    package var configuration: [String: String]

    /// Reads a scenario.
    ///
    /// - Parameters:
    ///   - text: What the file holds.
    ///   - path: Its name, for errors.
    /// - Throws: ``CommandFailure`` that names the file, the line, the field, and what would be right.
    package init(_ text: String, path: String, dialect: MergerDialect? = nil) throws(CommandFailure) {
        let root: Node?
        do {
            root = try compose(yaml: text)
        } catch {
            throw Self.syntaxError(error, path)
        }
        guard let root else { throw CommandFailure("\(path): the file is empty: a scenario has at least steps") }
        let fields = try ScenarioFields(root, path: path)
        try fields.allow(["name", "about", "nodes", "pageSize", "dialects", "configuration", "steps"])
        scenario = Scenario(
            name: try fields.text("name") ?? Self.name(of: path), about: try fields.text("about") ?? "")
        scenario.nodes = Int(try fields.number("nodes", in: 1...64) ?? 1)
        scenario.pageSize = Int(try fields.number("pageSize", in: 16...65536) ?? 4096)
        guard scenario.pageSize.nonzeroBitCount == 1 else {
            throw fields.failure("pageSize", "it takes a power of two from 16 to 65536")
        }
        dialects = [.linux]
        if let names = try fields.texts("dialects") {
            dialects = []
            for name in names {
                guard let dialect = MergerDialect(rawValue: name) else {
                    throw fields.failure("dialects", "'\(name)' is no dialect: it takes linux and 2009")
                }
                dialects.append(dialect)
            }
            guard !dialects.isEmpty else { throw fields.failure("dialects", "it takes linux and 2009") }
        }
        configuration = try fields.textsByName("configuration") ?? [:]
        let inForce = dialect ?? dialects[0]
        for step in try fields.sequence("steps") ?? [] {
            let step = try StepFields(ScenarioFields(step, path: path))
            if try step.applies(in: inForce) { scenario.steps.append(try step.step()) }
        }
    }

    private static func syntaxError(_ error: any Error, _ path: String) -> CommandFailure {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            CommandFailure("\(path):\(mark.line): this is not YAML: \(problem)")
        case .duplicatedKeysInMapping(let duplicates, _):
            CommandFailure(
                "\(path): the field '\(duplicates.first.map(String.init(describing:)) ?? "")' is there twice")
        default: CommandFailure("\(path): this is not YAML")
        }
    }

    /// `two.yaml` in any folder is `two`.
    private static func name(of path: String) -> String {
        let last = path.split(separator: "/").last.map(String.init) ?? path
        return last.lastIndex(of: ".").map { String(last[..<$0]) } ?? last
    }
}
