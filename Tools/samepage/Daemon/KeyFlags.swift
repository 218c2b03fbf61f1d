package import Assembly

/// Keys of the configuration on the command line: `--row-length 16` or `--row-length=16`.
package enum KeyFlags {
    /// Why the arguments cannot be taken.
    package struct Failure: Error, Hashable {
        /// One line.
        package let message: String
    }

    /// The values by the names of keys; each is a value that its key takes.
    package static func parse(
        _ arguments: [String], _ keys: [ConfigurationKey]
    ) throws(Failure) -> [String: String] {
        var values: [String: String] = [:]
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard argument.hasPrefix("--"), let key = keys.first(where: { $0.flagName == parts[0] }) else {
                throw Failure(message: "there is no \(argument.hasPrefix("-") ? "option" : "argument") '\(argument)'")
            }
            guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
                throw Failure(message: "\(key.flagName) needs a value: \(key.expected)")
            }
            guard values.updateValue(value, forKey: key.name) == nil else {
                throw Failure(message: "\(key.flagName) is given twice")
            }
            var configuration = SamepageConfiguration()
            do throws(ConfigurationError) {
                try configuration.set(key, to: value)
            } catch {
                throw Failure(message: "\(key.flagName): \(error.message)")
            }
        }
        return values
    }

    /// What `samepage daemon --help` says about all keys.
    package static func help(_ keys: [ConfigurationKey]) -> String {
        let defaults = SamepageConfiguration()
        return keys.map { key in
            let value = defaults.value(of: key)
            let unit = key.unit.isEmpty ? "" : " \(key.unit)"
            return "\(key.flagName)  (\(key.name); default: \(value.isEmpty ? "nothing" : value + unit))\n"
                + "  \(key.help): \(key.expected)"
        }.joined(separator: "\n")
    }
}
