import Yams

/// The fields of one mapping of a scenario file, with errors that name file, line and field.
struct ScenarioFields {
    let path: String
    private let mapping: Node.Mapping
    /// The line where the mapping begins, from 1.
    let line: Int

    init(_ node: Node, path: String) throws(CommandFailure) {
        self.path = path
        line = node.mark?.line ?? 0
        guard case .mapping(let mapping) = node else {
            throw CommandFailure("\(path):\(line): here stands a list of fields with values, 'field: value'")
        }
        self.mapping = mapping
    }

    /// The names of the fields, in order.
    var names: [String] { mapping.keys.map { $0.string ?? "" } }

    /// Refuses fields of other names.
    func allow(_ known: [String]) throws(CommandFailure) {
        for (key, _) in mapping {
            let name = key.string ?? ""
            guard known.contains(name) else {
                throw CommandFailure(
                    "\(path):\(key.mark?.line ?? line): there is no field '\(name)' here; fields are \(known.joined(separator: ", "))"
                )
            }
        }
    }

    /// Says what is wrong with a field.
    func failure(_ name: String, _ problem: String) -> CommandFailure {
        let place = mapping[name]?.mark?.line ?? line
        return CommandFailure("\(path):\(place): field '\(name)': \(problem)")
    }

    func text(_ name: String) throws(CommandFailure) -> String? {
        guard let node = mapping[name] else { return nil }
        guard let scalar = node.scalar else { throw failure(name, "it takes one text") }
        return scalar.string
    }

    func number(_ name: String, in range: ClosedRange<Int64>) throws(CommandFailure) -> Int64? {
        guard let text = try text(name) else { return nil }
        guard let number = Int64(text), range.contains(number) else {
            throw failure(name, "'\(text)' is no whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func flag(_ name: String) throws(CommandFailure) -> Bool? {
        guard let text = try text(name) else { return nil }
        switch text {
        case "true", "yes": return true
        case "false", "no": return false
        default: throw failure(name, "'\(text)' is neither true nor false")
        }
    }

    /// A text, or a list of them.
    func texts(_ name: String) throws(CommandFailure) -> [String]? {
        guard let node = mapping[name] else { return nil }
        if let scalar = node.scalar { return [scalar.string] }
        let texts = node.sequence?.compactMap { $0.scalar?.string }
        guard let texts, texts.count == node.sequence?.count else { throw failure(name, "it takes a list of texts") }
        return texts
    }

    func sequence(_ name: String) throws(CommandFailure) -> [Node]? {
        guard let node = mapping[name] else { return nil }
        guard let sequence = node.sequence else { throw failure(name, "it takes a list, each entry after a dash") }
        return Array(sequence)
    }

    /// A field with one text, of a mapping within.
    struct Pair: Sendable, Hashable {
        let name: String
        let value: String
        let line: Int
    }

    /// Fields with one text each, in order.
    func pairs(_ name: String) throws(CommandFailure) -> [Pair]? {
        guard let node = mapping[name] else { return nil }
        guard let inner = node.mapping else { throw failure(name, "it takes fields with values, as {run: 1}") }
        var pairs: [Pair] = []
        for (key, value) in inner {
            guard let scalar = key.scalar, let text = value.scalar?.string else {
                throw failure(name, "each of its fields has one value")
            }
            pairs.append(Pair(name: scalar.string, value: text, line: scalar.mark?.line ?? line))
        }
        return pairs
    }
}
