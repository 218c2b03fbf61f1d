import FrontEnd

extension StatusReport {
    /// The strategies, by the keys of the configuration.
    struct Strategies: Encodable {
        let checksum, stableTree, unstableTree, policy, memory: String
        let frontEnds: [String]

        init(_ description: MergerDescription) {
            checksum = description.checksum
            stableTree = description.stableTree
            unstableTree = description.unstableTree
            policy = description.policy
            memory = description.memory
            frontEnds = description.frontEnds
        }
    }

    /// One program.
    struct Client: Encodable {
        let report: ClientReport

        private enum CodingKeys: String, CodingKey {
            case pid, command, user, domain
            case mergeableBytes = "mergeable_bytes"
            case pagesSharing = "pages_sharing"
            case profitBytes = "profit_bytes"
            case zeroPages = "zero_pages"
            case rmapItems = "rmap_items"
            case orphanedPages = "orphaned_pages"
            case notMerged = "not_merged"
        }

        func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encode(report.pid, forKey: .pid)
            try fields.encode(report.command, forKey: .command)
            try fields.encode(report.user, forKey: .user)
            try fields.encode(report.domain, forKey: .domain)
            try fields.encode(report.mergeableBytes, forKey: .mergeableBytes)
            try fields.encode(report.pagesSharing, forKey: .pagesSharing)
            try fields.encode(report.profitBytes, forKey: .profitBytes)
            try fields.encode(report.zeroPages, forKey: .zeroPages)
            try fields.encode(report.rmapItems, forKey: .rmapItems)
            try fields.encode(report.orphanedPages, forKey: .orphanedPages)
            try fields.encode(report.notMerged, forKey: .notMerged)
        }
    }
}
