import FixedPolicy
import HashTableIndex
import JHash2Checksum
import Merger
import PageChecksum
import PageTree
import RedBlackTree
import ScanPolicy
import SmartScanPolicy
import Testing
import XXHashChecksum

/// A checksum with few values, so that different pages often have the same.
struct WeakChecksum: PageChecksum {
    var name: String { "weak" }
    var bits: Int { 2 }

    func digest(of page: RawSpan) -> PageDigest { PageDigest(XXH3Checksum().digest(of: page).low & 3) }
}

/// A choice of strategies and of memory.
struct Variant: Sendable, Hashable, CustomStringConvertible {
    enum Checksum: String, Sendable, CaseIterable { case jhash2, xxh3, weak }
    enum Tree: String, Sendable, CaseIterable { case redBlack, redBlackContent, hashTable }

    var dialect = MergerDialect.linux
    var checksum = Checksum.xxh3
    var stable = Tree.redBlack
    var unstable = Tree.redBlack
    var tracksChanges = true
    var pageSize = 64
    var usesZeroPages = false
    var rowLength: UInt32 = 1
    var batchPages = 512
    var pagesToScan: UInt32 = 1 << 20
    var smartScan = false
    /// Milliseconds.
    var minimumAge: UInt32 = 0
    var minimumSharers: UInt8 = 1
    var maxPageSharing: UInt32 = 256

    var description: String {
        "\(dialect.rawValue) \(checksum) \(stable)/\(unstable) tracks:\(tracksChanges) page:\(pageSize) zeros:\(usesZeroPages) "
            + "row:\(rowLength) batch:\(batchPages) scan:\(pagesToScan) smart:\(smartScan) age:\(minimumAge) "
            + "sharers:\(minimumSharers) limit:\(maxPageSharing)"
    }

    func makeChecksum() -> any PageChecksum {
        switch checksum {
        case .jhash2: JHash2()
        case .xxh3: XXH3Checksum()
        case .weak: WeakChecksum()
        }
    }

    private static func make(_ tree: Tree) -> any PageTree {
        switch tree {
        case .redBlack: RedBlackTree()
        case .redBlackContent: RedBlackTree(order: .content)
        case .hashTable: HashTable()
        }
    }

    private var configuration: MergerConfiguration {
        var configuration = MergerConfiguration()
        configuration.dialect = dialect
        configuration.usesZeroPages = usesZeroPages
        configuration.rowLength = rowLength
        configuration.batchPages = batchPages
        configuration.scansUntilRetry = 4
        configuration.minimumAge = minimumAge
        configuration.minimumSharers = minimumSharers
        configuration.maxPageSharing = maxPageSharing
        return configuration
    }

    func makeMerger() -> Merger {
        let pace = FixedPolicy(pagesToScan: pagesToScan, sleepMillisecs: 0)
        return Merger(
            configuration: configuration, checksum: makeChecksum(), stableTree: Variant.make(stable),
            unstableTree: Variant.make(unstable), policy: smartScan ? SmartScanPolicy(pace: pace) : pace,
            pageSize: pageSize, tracksChanges: tracksChanges)
    }

    /// Every checksum with every pair of trees, on both kinds of memory.
    static let strategies: [Variant] = Checksum.allCases.flatMap { checksum in
        Tree.allCases.flatMap { stable in
            Tree.allCases.flatMap { unstable in
                [true, false].map { tracks in
                    Variant(checksum: checksum, stable: stable, unstable: unstable, tracksChanges: tracks)
                }
            }
        }
    }

    /// As few as have every tree and both kinds of memory.
    static let corners = [
        Variant(), Variant(stable: .redBlackContent, unstable: .redBlackContent),
        Variant(stable: .redBlack, unstable: .redBlackContent, tracksChanges: false),
        Variant(checksum: .weak, stable: .hashTable, unstable: .hashTable),
    ]

    /// Each tree for both uses, on both kinds of memory, with a good checksum and a poor one.
    static let few: [Variant] = strategies.filter { $0.stable == $0.unstable && $0.checksum != .jhash2 }
}
