import FoundationEssentials

/// What `samepage demo --json` prints: the fields that tests look at.
struct DemoResult: Decodable, Equatable {
    let processes: Int
    let mergeableBytes: Int
    let residentBeforeBytes: Int
    let residentAfterBytes: Int
    let savedBytes: Int
    let contentVerified: Bool
    let pagesShared: Int
    let pagesSharing: Int
    let cpuSeconds: Double
    let wallSeconds: Double
    let copies: Int
    let pageSize: Int
    let duplicateBytes: Int
    let ksmZeroPages: Int
    let savedAfterRereadBytes: Int

    /// Reads the whole of a JSON text.
    init(json: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(DemoResult.self, from: Data(json.utf8))
    }
}

/// What `samepage strategies --json` prints: strategies by kind.
struct StrategiesResult {
    struct Entry: Decodable {
        let name: String
        let `default`: Bool
        let bits: Int?
        let attributes: [String]?
    }

    let kinds: [String: [Entry]]

    /// Reads the whole of a JSON text.
    init(json: String) throws {
        kinds = try JSONDecoder().decode([String: [Entry]].self, from: Data(json.utf8))
    }
}
