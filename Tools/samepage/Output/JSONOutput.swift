import FoundationEssentials

/// Results for programs.
package enum JSONOutput {
    /// A value as JSON: fields by name, a newline at the end.
    ///
    /// - Throws: `EncodingError` for a number that JSON does not have.
    package static func text(of value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }
}
