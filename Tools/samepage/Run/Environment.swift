import Glibc

/// The variables that this process was started with.
package enum Environment {
    /// The value of a variable; `nil` when it is not set, or empty.
    package static func value(of name: String) -> String? {
        // SAFETY: nothing here changes the environment, and the text is copied.
        guard let text = unsafe getenv(name) else { return nil }
        let value = unsafe String(cString: text)
        return value.isEmpty ? nil : value
    }

    /// All variables by name; of several with one name the first counts, as for getenv.
    package static func variables() -> [String: String] {
        var variables: [String: String] = [:]
        for entry in EnvironmentList.inherited().entries {
            let parts = entry.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(decoding: parts[0], as: UTF8.self)
            if parts.count == 2, variables[name] == nil { variables[name] = String(decoding: parts[1], as: UTF8.self) }
        }
        return variables
    }
}
