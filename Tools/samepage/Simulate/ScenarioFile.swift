package import Merger
package import Simulation
import Yams

/// A file that describes a scenario, in YAML.
package struct ScenarioFile: Sendable, Hashable {
    /// The dialects that its figures hold in.
    package let dialects: [MergerDialect]
    /// Keys of the configuration that it sets.
    let configuration: [ScenarioFields.Pair]
    /// The scenario without its steps.
    private let stepless: Scenario
    private let steps: [Step]

    /// A step, and the dialects that it belongs to.
    private struct Step: Hashable {
        let step: Scenario.Step
        var dialects: Set<MergerDialect>
    }

    /// The scenario, with the steps that belong to a dialect.
    package func scenario(in dialect: MergerDialect) -> Scenario {
        var scenario = stepless
        scenario.steps = steps.filter { $0.dialects.contains(dialect) }.map(\.step)
        return scenario
    }

    /// The most steps, those that are repeated counted each time.
    static let mostSteps = 100_000

    /// Reads a scenario.
    ///
    /// - Parameters:
    ///   - text: What the file holds.
    ///   - path: Its name, for errors.
    /// - Throws: ``CommandFailure`` that names the file, the line, the field, and what would be right.
    package init(_ text: String, path: String) throws(CommandFailure) {
        try ScenarioText(text, path: path).check()
        let root: Node?
        do {
            root = try compose(yaml: text)
        } catch {
            throw Self.syntaxError(error, path)
        }
        guard let root else { throw CommandFailure("\(path): the file is empty: a scenario has at least steps") }
        let fields = try ScenarioFields(root, path: path)
        try fields.allow(["name", "about", "nodes", "pageSize", "pageCost", "dialects", "configuration", "steps"])
        var scenario = Scenario(
            name: try fields.text("name") ?? Self.name(of: path), about: try fields.text("about") ?? "")
        scenario.nodes = Int(try fields.number("nodes", in: 1...64) ?? 1)
        scenario.pageSize = Int(try fields.number("pageSize", in: 16...65536) ?? 4096)
        guard scenario.pageSize.nonzeroBitCount == 1 else {
            throw fields.failure("pageSize", "it takes a power of two from 16 to 65536")
        }
        scenario.pageCost = UInt64(try fields.number("pageCost", in: 0...1_000_000_000) ?? 1000)
        stepless = scenario
        dialects = try Self.dialects(fields)
        configuration = try fields.pairs("configuration") ?? []
        steps = try Self.steps(try fields.sequence("steps") ?? [], path: path)
    }

    private static func dialects(_ fields: ScenarioFields) throws(CommandFailure) -> [MergerDialect] {
        guard let names = try fields.texts("dialects") else { return [.linux] }
        var dialects: [MergerDialect] = []
        for name in names {
            guard let dialect = MergerDialect(rawValue: name) else {
                throw fields.failure("dialects", "'\(name)' is no dialect: it takes linux and 2009")
            }
            dialects.append(dialect)
        }
        guard !dialects.isEmpty else { throw fields.failure("dialects", "it takes linux and 2009") }
        return dialects
    }

    private static func steps(_ nodes: [Node], path: String) throws(CommandFailure) -> [Step] {
        var steps: [Step] = []
        for node in nodes {
            let fields = try StepFields(ScenarioFields(node, path: path))
            let dialects = try fields.dialects()
            var count = 1
            var more: [Step] = []
            if let repetition = try fields.repetition() {
                count = repetition.count
                more = try Self.steps(repetition.steps, path: path)
                for index in more.indices { more[index].dialects.formIntersection(dialects) }
            } else {
                more = [Step(step: try fields.step(), dialects: dialects)]
            }
            guard count <= (mostSteps - steps.count) / more.count else {
                let line = node.mark?.line ?? 0
                throw CommandFailure(
                    "\(path):\(line): a scenario has at most \(mostSteps) steps, repeated ones each time")
            }
            for _ in 0..<count { steps += more }
        }
        return steps
    }

    private static func syntaxError(_ error: any Error, _ path: String) -> CommandFailure {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            CommandFailure("\(path):\(mark.line): this is not YAML: \(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            CommandFailure("\(path):\(context.mark.line): field '\(duplicates.first ?? "")' is there twice")
        default: CommandFailure("\(path): this is not YAML")
        }
    }

    /// `two.yaml` in any folder is `two`.
    private static func name(of path: String) -> String {
        let last = path.split(separator: "/").last.map(String.init) ?? path
        return last.lastIndex(of: ".").map { String(last[..<$0]) } ?? last
    }
}
