import ScanPolicy

/// A key of the configuration: what `samepage daemon --help` lists, configuration files may hold, and
/// ``SamepageConfiguration/set(_:to:)`` takes.
public struct ConfigurationKey: Sendable {
    /// The name in files, for example `rowLength`; keys of a plug-in begin with its name and a dot.
    public let name: String
    /// What the value counts, for example `pages`; empty where nothing is counted.
    public let unit: String
    /// One line about the key.
    public let help: String
    /// What the value may be: "a whole number from 1 to 512".
    public let expected: String
    /// Whether the value is a list, in text separated by commas.
    public var isList: Bool { kind == .list }
    /// The attribute that a running merger has for the key; `nil` if it has none.
    public var attribute: String?
    /// Whether the key says what a merger is made of, which a running one cannot change.
    public var isFixed = false

    var kind = Kind.plain
    let read: @Sendable (SamepageConfiguration) -> String
    /// Answers `false`, changing nothing, for a value that is not right.
    let write: @Sendable (inout SamepageConfiguration, String) -> Bool

    enum Kind: Sendable { case plain, flag, list }

    /// The name of the environment variable: `SAMEPAGE_ROW_LENGTH` for `rowLength`.
    public var environmentName: String { "SAMEPAGE_" + words.joined(separator: "_").uppercased() }

    /// The flag of the command line: `--row-length` for `rowLength`.
    public var flagName: String { "--" + words.joined(separator: "-") }

    /// The plug-in that the key belongs to; `nil` for keys of all.
    var plugin: String? { name.firstIndex(of: ".").map { String(name[..<$0]) } }

    /// The words of the name, in lower case.
    private var words: [String] {
        var words = [""]
        for character in name {
            if character == "." || character == "-" || character == "_" {
                words.append("")
            } else if character.isUppercase, words.last?.isEmpty == false {
                words.append(character.lowercased())
            } else {
                words[words.count - 1] += character.lowercased()
            }
        }
        return words
    }
}

extension SamepageConfiguration {
    /// The value of a key, as text.
    public func value(of key: ConfigurationKey) -> String { key.read(self) }

    /// The value of a key as its attribute takes it.
    func attributeValue(of key: ConfigurationKey) -> String {
        let value = value(of: key)
        return key.kind == .flag ? (value == "true" ? "1" : "0") : value
    }

    /// Sets a key from text.
    ///
    /// - Throws: ``ConfigurationError`` that names the key, the value and what would be right; nothing is changed then.
    public mutating func set(_ key: ConfigurationKey, to text: String) throws(ConfigurationError) {
        guard key.write(&self, text) else {
            throw ConfigurationError(message: "'\(text)' is no value for \(key.name): it takes \(key.expected)")
        }
    }
}

extension ConfigurationKey {
    typealias Field<Value> = WritableKeyPath<SamepageConfiguration, Value> & Sendable

    /// A key whose value is one of some names.
    static func choice(
        _ name: String, of choices: some Sequence<String>, _ help: String, _ field: any Field<String>
    ) -> ConfigurationKey {
        let names = choices.sorted()
        return ConfigurationKey(
            name: name, unit: "", help: help, expected: oneOf(names), isFixed: true,
            read: { $0[keyPath: field] },
            write: { configuration, text in
                guard names.contains(text) else { return false }
                configuration[keyPath: field] = text
                return true
            })
    }

    /// A key whose value is any line of text.
    static func text(_ name: String, expected: String, _ help: String, _ field: any Field<String>) -> ConfigurationKey {
        ConfigurationKey(
            name: name, unit: "", help: help, expected: expected,
            read: { $0[keyPath: field] },
            write: { configuration, text in
                guard !text.contains(where: \.isNewline), !text.utf8.contains(0) else { return false }
                configuration[keyPath: field] = text
                return true
            })
    }

    /// A key whose value is a whole number.
    static func number<Value: FixedWidthInteger & Sendable>(
        _ name: String, _ range: ClosedRange<Value>, unit: String = "", _ help: String, attribute: String? = nil,
        _ field: any Field<Value>
    ) -> ConfigurationKey {
        ConfigurationKey(
            name: name, unit: unit, help: help,
            expected: "a whole number from \(range.lowerBound) to \(range.upperBound)", attribute: attribute,
            read: { String($0[keyPath: field]) },
            write: { configuration, text in
                guard let value = Value(text), text.first != "+", range.contains(value) else { return false }
                configuration[keyPath: field] = value
                return true
            })
    }

    /// A key whose value is yes or no.
    static func flag(
        _ name: String, _ help: String, attribute: String? = nil, _ field: any Field<Bool>
    ) -> ConfigurationKey {
        ConfigurationKey(
            name: name, unit: "", help: help, expected: "true or false", attribute: attribute, kind: .flag,
            read: { $0[keyPath: field] ? "true" : "false" },
            write: { configuration, text in
                switch text.lowercased() {
                case "true", "yes", "on", "1": configuration[keyPath: field] = true
                case "false", "no", "off", "0": configuration[keyPath: field] = false
                default: return false
                }
                return true
            })
    }

    /// `a, b or c`.
    static func oneOf(_ names: [String]) -> String {
        guard names.count > 1, let last = names.last else { return names.first ?? "nothing" }
        return "\(names.dropLast().joined(separator: ", ")) or \(last)"
    }
}
