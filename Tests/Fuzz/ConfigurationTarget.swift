import Assembly
import Daemon
import Glibc

/// Whatever stands in a configuration file, in the environment and on the command line, and writes of attributes.
enum ConfigurationTarget {
    private static let registry = StrategyRegistry.standard
    private static let folder = "/tmp/samepage-fuzz-\(getpid())"

    static func run(_ input: [UInt8]) {
        var script = Script(input)
        switch script.byte() & 3 {
        case 0: read(ConfigurationSource(file: write(script.rest())))
        case 1:
            var environment: [String: String] = [:]
            for line in lines(script.rest()) {
                let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                environment[parts[0]] = parts.count > 1 ? parts[1] : ""
            }
            let source = ConfigurationSource(environment: environment)
            _ = source.unknownVariables(registry)
            read(source)
        case 2:
            guard let flags = try? KeyFlags.parse(lines(script.rest()), registry.configurationKeys) else { return }
            read(ConfigurationSource(flags: flags))
        default: setAttributes(script.rest())
        }
    }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A file; YAML, of which JSON is a part.
    private static func write(_ bytes: [UInt8]) -> String {
        let path = "\(folder).yaml"
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { fatalError("cannot write \(path)") }
        // SAFETY: the bytes outlive the call.
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        close(file)
        return path
    }

    /// What is taken can be written as text and taken again, and a merger can be made of it.
    private static func read(_ source: ConfigurationSource) {
        defer { if let file = source.file { unsafe unlink(file) } }
        guard let configuration = try? source.read(registry) else { return }
        var again = SamepageConfiguration()
        for key in registry.configurationKeys {
            let value = configuration.value(of: key)
            guard (try? again.set(key, to: value)) != nil || value.isEmpty else {
                fatalError("\(key.name) does not take its own value '\(value)'")
            }
            precondition(again.value(of: key) == value, "\(key.name) changes when it is written and read")
        }
        _ = try? configuration.makeParts(from: registry)
    }

    /// Lines of a name and a value.
    private static func setAttributes(_ bytes: [UInt8]) {
        guard let daemon = ControlTarget.makeDaemon() else { return }
        for line in lines(bytes) {
            let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, (try? daemon.set(parts[0], to: parts[1])) != nil else { continue }
            guard let value = try? daemon.value(of: parts[0]) else {
                fatalError("\(parts[0]) was set and has no value")
            }
            precondition((try? daemon.set(parts[0], to: value)) != nil, "\(parts[0]) does not take its own value")
        }
    }
}
