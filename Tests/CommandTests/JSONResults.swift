import FoundationEssentials

/// What `samepage strategies --json` prints: strategies by kind.
struct StrategiesResult {
    struct Entry: Decodable {
        let name: String
        let `default`: Bool
        let bits: Int?
        let runs: String?
        let attributes: [String]?
    }

    let kinds: [String: [Entry]]

    /// Reads the whole of a JSON text.
    init(json: String) throws {
        kinds = try JSONDecoder().decode([String: [Entry]].self, from: Data(json.utf8))
    }
}
