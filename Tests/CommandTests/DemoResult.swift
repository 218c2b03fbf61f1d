import FoundationEssentials

/// What `samepage demo --json` prints: the fields that tests look at.
struct DemoResult: Decodable, Equatable {
    /// One of the processes.
    struct Process: Decodable, Equatable {
        let pid: Int
        let mergeableBytes: Int
        let mergedBytes: Int
        let savedBytes: Int
    }

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
    let perProcess: [Process]
    let pageSize: Int
    let duplicateBytes: Int
    let frameBytes: Int
    let ksmZeroPages: Int
    let savedAfterRereadBytes: Int
    let residentAfterUnmergeBytes: Int

    /// Reads the whole of a JSON text.
    init(json: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(DemoResult.self, from: Data(json.utf8))
    }
}
