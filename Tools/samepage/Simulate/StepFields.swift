import Merger
import SimulatedMemory
import Simulation
import Yams

/// One step of a scenario file: one field says what happens, others how.
struct StepFields {
    private let fields: ScenarioFields
    private let kind: String

    /// What happens, by field, and the fields that say how.
    private static let kinds: [String: [String]] = [
        "map": ["pages", "mergeable", "node", "kind", "error"], "unmap": [], "mergeable": ["error"],
        "unmergeable": ["error"], "discard": ["error"], "fill": ["byte", "text", "number", "error"],
        "write": ["text", "offset", "error"], "read": ["byte", "text", "number", "offset"], "fork": ["as", "error"],
        "exit": [], "pin": ["error"], "unpin": [], "set": ["error"], "scan": [], "until": ["scans"], "wake": [],
        "expect": ["program"], "memory": [], "repeat": ["steps"],
    ]

    init(_ fields: ScenarioFields) throws(CommandFailure) {
        self.fields = fields
        let known = fields.names.filter { Self.kinds[$0] != nil }
        // 'mergeable' is a step, and says how to map.
        let kinds = known.filter { kind in known.allSatisfy { $0 == kind || Self.kinds[kind]!.contains($0) } }
        guard kinds.count == 1 else {
            let all = Self.kinds.keys.sorted().joined(separator: ", ")
            throw CommandFailure("\(fields.path):\(fields.line): a step has one of the fields \(all)")
        }
        kind = kinds[0]
        try fields.allow([kind, "only"] + Self.kinds[kind]!)
    }

    /// The dialects that the step belongs to.
    func dialects() throws(CommandFailure) -> Set<MergerDialect> {
        guard let names = try fields.texts("only") else { return Set(MergerDialect.allCases) }
        let dialects = names.compactMap { MergerDialect(rawValue: $0) }
        guard dialects.count == names.count, !names.isEmpty else {
            throw fields.failure("only", "it takes linux or 2009")
        }
        return Set(dialects)
    }

    /// How often steps of its own are repeated, and these; `nil` for a step that happens itself.
    func repetition() throws(CommandFailure) -> (count: Int, steps: [Node])? {
        guard kind == "repeat" else { return nil }
        guard let count = try fields.number("repeat", in: 1...Int64(ScenarioFile.mostSteps)) else { return nil }
        guard let steps = try fields.sequence("steps"), !steps.isEmpty else {
            throw fields.failure("steps", "'repeat' takes a list of steps")
        }
        return (Int(count), steps)
    }

    /// The step.
    func step() throws(CommandFailure) -> Scenario.Step {
        Scenario.Step(try action(), error: try fields.text("error"), line: fields.line)
    }

    private func action() throws(CommandFailure) -> Scenario.Action {
        switch kind {
        case "map": return try map()
        case "unmap": return .unmap(try place())
        case "mergeable": return .advise(try place(), .mergeable)
        case "unmergeable": return .advise(try place(), .unmergeable)
        case "discard": return .advise(try place(), .dontNeed)
        case "fill": return .fill(try place(), try content())
        case "write":
            return .write(try place(), Array(try required("text").utf8), offset: try offset())
        case "read": return .read(try place(), try content(), offset: try offset())
        case "fork": return .fork(try required("fork"), child: try required("as"))
        case "exit": return .exit(try required("exit"))
        case "pin": return .pin(try place(), true)
        case "unpin": return .pin(try place(), false)
        case "set":
            guard let pairs = try fields.pairs("set"), pairs.count == 1 else {
                throw fields.failure("set", "it takes one attribute and its value, as {run: 1}")
            }
            return .set(pairs[0].name, pairs[0].value)
        case "scan": return .scan(UInt64(try count("scan")))
        case "until":
            let most = try fields.number("scans", in: Self.scans) ?? 100
            return .scanUntil(try conditions("until"), atMost: UInt64(most))
        case "wake": return .wake(UInt64(try count("wake")))
        case "expect":
            let conditions = try conditions("expect")
            if let program = try fields.text("program") { return .expectProgram(program, conditions) }
            return .expect(conditions)
        default:
            if try fields.text("memory") == "plenty" { return .shortage(after: nil) }
            return .shortage(after: Int(try fields.number("memory", in: 0...Int64(Int32.max)) ?? 0))
        }
    }

    private func required(_ name: String) throws(CommandFailure) -> String {
        guard let text = try fields.text(name), !text.isEmpty else {
            throw fields.failure(name, "it is missing from '\(kind)'")
        }
        return text
    }

    private static let scans = 1...Int64(ScenarioEffort.mostScans)

    private func count(_ name: String) throws(CommandFailure) -> Int64 {
        try fields.number(name, in: Self.scans) ?? 1
    }

    private func offset() throws(CommandFailure) -> Int { Int(try fields.number("offset", in: -65536...65535) ?? 0) }

    private func map() throws(CommandFailure) -> Scenario.Action {
        guard let pages = try fields.number("pages", in: 1...Int64(ScenarioEffort.mostMapped)) else {
            throw fields.failure("pages", "it is missing from 'map'")
        }
        let kinds: [String: SimulatedMapping] = ["anonymous": .anonymous, "shared": .shared, "special": .special]
        guard let kind = kinds[try fields.text("kind") ?? "anonymous"] else {
            throw fields.failure("kind", "it takes anonymous, shared or special")
        }
        return .map(
            try place(), pages: UInt64(pages), kind: kind, node: UInt8(try fields.number("node", in: 0...63) ?? 0),
            isMergeable: try fields.flag("mergeable") ?? true)
    }

    private func content() throws(CommandFailure) -> Scenario.Content {
        let given = ["byte", "text", "number"].filter(fields.names.contains)
        guard given.count == 1 else { throw fields.failure(kind, "it takes one of byte, text and number") }
        if let number = try fields.number("number", in: 0...Int64.max) { return .numbered(first: UInt64(number)) }
        if given[0] == "text" { return .text(try required("text")) }
        let text = try required("byte")
        if let byte = UInt8(text) { return .byte(byte) }
        guard text.utf8.count == 1, let letter = text.utf8.first else {
            throw fields.failure("byte", "'\(text)' is neither a number from 0 to 255 nor one letter")
        }
        return .byte(letter)
    }

    /// `program.area`, `program.area[3]` or `program.area[0-31]`.
    private func place() throws(CommandFailure) -> Scenario.Place {
        let text = try required(kind)
        let parts = text.split(separator: "[", maxSplits: 1)
        let names = (parts.first ?? "").split(separator: ".", omittingEmptySubsequences: false)
        guard names.count == 2, names.allSatisfy({ !$0.isEmpty }) else { throw wrongPlace(text) }
        var place = Scenario.Place(program: String(names[0]), area: String(names[1]))
        guard parts.count == 2 else { return place }
        guard parts[1].last == "]" else { throw wrongPlace(text) }
        let bounds = parts[1].dropLast().split(separator: "-", omittingEmptySubsequences: false).map { UInt64($0) }
        guard (1...2).contains(bounds.count), let first = bounds[0], let last = bounds[bounds.count - 1], first <= last,
            last < 1 << 40
        else { throw wrongPlace(text) }
        place.pages = first..<last + 1
        return place
    }

    private func wrongPlace(_ text: String) -> CommandFailure {
        fields.failure(kind, "'\(text)' names no pages: program.area, program.area[3] or program.area[0-31]")
    }

    private func conditions(_ name: String) throws(CommandFailure) -> [Scenario.Condition] {
        var conditions: [Scenario.Condition] = []
        for pair in try fields.pairs(name) ?? [] {
            let (attribute, text) = (pair.name, pair.value)
            let sign = Scenario.Comparison.allCases.first { text.hasPrefix($0.rawValue) }
            let number = text.dropFirst(sign?.rawValue.count ?? 0).drop { $0 == " " }
            guard let number = Int(number) else {
                throw fields.failure(name, "\(attribute): '\(text)' is no number, nor one after >=, <= or !=")
            }
            conditions.append(Scenario.Condition(attribute, sign ?? .equal, number))
        }
        guard !conditions.isEmpty else { throw fields.failure(name, "it takes attributes and numbers") }
        return conditions
    }
}
