package import Assembly
import Configuration
import Synchronization

/// Where the configuration of a daemon comes from: flags, then the environment, then a file, then the defaults.
package struct ConfigurationSource: Sendable {
    /// Values that the command line gives, by the names of keys.
    package var flags: [String: String]
    /// The variables of the environment.
    package var environment: [String: String]
    /// The path of a file, YAML or JSON by its name.
    package var file: String?

    /// Names the places.
    package init(flags: [String: String] = [:], environment: [String: String] = [:], file: String? = nil) {
        self.flags = flags
        self.environment = environment
        self.file = file
    }

    /// Reads everything.
    ///
    /// - Throws: ``CommandFailure`` that names the place, the key, the value and what would be right.
    package func read(_ registry: StrategyRegistry) throws(CommandFailure) -> SamepageConfiguration {
        let keys = registry.configurationKeys
        let layers = [flagLayer, environmentLayer] + (try fileLayer(keys).map { [$0] } ?? [])
        var configuration = SamepageConfiguration()
        for key in keys {
            for layer in layers {
                guard let text = try layer.text(of: key) else { continue }
                do throws(ConfigurationError) {
                    try configuration.set(key, to: text)
                } catch {
                    throw CommandFailure("\(layer.place(key)): \(error.message)")
                }
                break
            }
        }
        return configuration
    }

    /// Variables that look as if they meant something to a daemon, and do not.
    package func unknownVariables(_ registry: StrategyRegistry) -> [String] {
        let others = ["SAMEPAGE_SOCKET", "SAMEPAGE_AGENT", "SAMEPAGE_MERGE_ANY"]
        let known = Set(registry.configurationKeys.map(\.environmentName) + others)
        return environment.keys.filter { $0.hasPrefix("SAMEPAGE_") && !known.contains($0) }.sorted()
    }

    private var flagLayer: Layer {
        let values = flags.map { (AbsoluteConfigKey($0.split(separator: ".").map(String.init)), $1) }
        return Layer(
            provider: InMemoryProvider(
                name: "flags",
                values: Dictionary(uniqueKeysWithValues: values.map { ($0, ConfigValue(.string($1), isSecret: false)) })
            ),
            place: { $0.flagName })
    }

    private var environmentLayer: Layer {
        Layer(
            provider: EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "samepage"),
            place: { $0.environmentName })
    }

    private func fileLayer(_ keys: [ConfigurationKey]) throws(CommandFailure) -> Layer? {
        guard let file else { return nil }
        guard [".yaml", ".yml", ".json"].contains(where: file.hasSuffix) else {
            throw CommandFailure("\(file): a configuration file is YAML or JSON; name it .yaml, .yml or .json")
        }
        let text = try TextFile.read(file)
        // Every line may be a comment.
        let isEmpty = text.split(whereSeparator: \.isNewline).allSatisfy { line in
            line.first { !$0.isWhitespace }.map { $0 == "#" } ?? true
        }
        if isEmpty { return nil }
        let found = FoundKeys()
        let snapshot: YAMLSnapshot
        do {
            // JSON is YAML. The package asks of each key whether its value is secret, which is how the keys are known.
            let options = YAMLSnapshot.ParsingOptions(secretsSpecifier: .dynamic { key, _ in found.note(key) })
            // SAFETY: bytes of text are initialized, and any bytes are text to the parser.
            snapshot = try unsafe YAMLSnapshot(data: text.utf8.span.bytes, providerName: file, parsingOptions: options)
        } catch {
            let lines = String(describing: error).split(whereSeparator: \.isNewline)
            throw CommandFailure("\(file): \(lines.prefix(2).joined(separator: " "))")
        }
        for name in found.names where !keys.contains(where: { $0.name == name }) {
            throw CommandFailure("\(file): there is no key '\(name)'; 'samepage daemon --help' lists all")
        }
        return Layer(provider: snapshot, place: { _ in file })
    }

    /// The keys of a file.
    private final class FoundKeys: Sendable {
        private let all = Mutex<[String]>([])
        var names: [String] { all.withLock { $0.sorted() } }

        func note(_ name: String) -> Bool {
            all.withLock { $0.append(name) }
            return false
        }
    }
}

/// One place that values come from.
private struct Layer: Sendable {
    let value: @Sendable (AbsoluteConfigKey, ConfigType) throws -> LookupResult
    /// What a person calls the place of a key.
    let place: @Sendable (ConfigurationKey) -> String

    init(provider: some ConfigProvider, place: @escaping @Sendable (ConfigurationKey) -> String) {
        value = { try provider.value(forKey: $0, type: $1) }
        self.place = place
    }

    init(provider: YAMLSnapshot, place: @escaping @Sendable (ConfigurationKey) -> String) {
        value = { try provider.value(forKey: $0, type: $1) }
        self.place = place
    }

    /// The value of a key as it is written, a list with commas; `nil` when the place does not have it.
    func text(of key: ConfigurationKey) throws(CommandFailure) -> String? {
        let path = AbsoluteConfigKey(key.name.split(separator: ".").map(String.init))
        if let found = try? value(path, .string) {
            guard case .string(let text)? = found.value?.content else { return nil }
            return text
        }
        guard key.isList, let found = try? value(path, .stringArray),
            case .stringArray(let texts)? = found.value?.content
        else {
            throw CommandFailure("\(place(key)): the value of \(key.name) is a list: it takes \(key.expected)")
        }
        return texts.joined(separator: ",")
    }
}
