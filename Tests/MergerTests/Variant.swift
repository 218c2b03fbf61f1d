import FixedPolicy
import HashTableIndex
import JHash2Checksum
import Merger
import PageChecksum
import PageTree
import RedBlackTree
import ScanPolicy
import SmartScanPolicy
import XXHashChecksum

/// A checksum with few values, so that different pages often have the same.
struct WeakChecksum: PageChecksum {
    var name: String { "weak" }
    var bits: Int { 2 }

    func digest(of page: RawSpan) -> PageDigest { PageDigest(XXH3Checksum().digest(of: page).low & 3) }
}

/// A choice of strategies and of memory.
struct Variant: Sendable, Hashable, CustomStringConvertible {
    enum Checksum: String, Sendable, CaseIterable {
        case jhash2, xxh3, weak, xxh64, xxh32
        case xxh3Of64 = "xxh3-64"
    }
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
    var pruneMilliseconds: UInt32 = 2000
    var scansUntilRetry: UInt32 = 4
    var mostScansBusy: UInt32 = 4
    var nodes = 1

    var description: String {
        "\(strategies) page:\(pageSize) zeros:\(usesZeroPages) row:\(rowLength) batch:\(batchPages) scan:\(pagesToScan) "
            + "smart:\(smartScan) age:\(minimumAge) sharers:\(minimumSharers) limit:\(maxPageSharing) "
            + "prune:\(pruneMilliseconds) nodes:\(nodes)"
    }

    /// What is systematic of it.
    var strategies: String { "\(dialect.rawValue) \(checksum.rawValue) \(stable)/\(unstable) tracks:\(tracksChanges)" }

    func makeChecksum() -> any PageChecksum {
        switch checksum {
        case .jhash2: JHash2()
        case .xxh3: XXH3Checksum()
        case .weak: WeakChecksum()
        case .xxh64: XXH64Checksum()
        case .xxh32: XXH32Checksum()
        case .xxh3Of64: XXH3Checksum64()
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
        configuration.scansUntilRetry = scansUntilRetry
        configuration.mostScansBusy = mostScansBusy
        configuration.minimumAge = minimumAge
        configuration.minimumSharers = minimumSharers
        configuration.maxPageSharing = maxPageSharing
        configuration.pruneMilliseconds = pruneMilliseconds
        return configuration
    }

    /// What a merger of this kind is made of.
    var parts: MergerParts {
        let pace = FixedPolicy(pagesToScan: pagesToScan, sleepMillisecs: 0)
        return MergerParts(
            checksum: makeChecksum(), stableTree: Variant.make(stable), unstableTree: Variant.make(unstable),
            policy: smartScan ? SmartScanPolicy(pace: pace) : pace, configuration: configuration)
    }

    func makeMerger() -> Merger {
        let parts = parts
        return Merger(
            configuration: parts.configuration, checksum: parts.checksum, stableTree: parts.stableTree,
            unstableTree: parts.unstableTree, policy: parts.policy, pageSize: pageSize, tracksChanges: tracksChanges)
    }

    /// Every checksum with every pair of trees, in both dialects, on both kinds of memory.
    static let all: [Variant] = Checksum.allCases.flatMap { every(of: $0) }

    /// Of a checksum, every pair of trees in both dialects on both kinds of memory.
    static func every(of checksum: Checksum) -> [Variant] {
        Tree.allCases.flatMap { stable in
            Tree.allCases.flatMap { unstable in
                MergerDialect.allCases.flatMap { dialect in
                    [true, false].map { tracks in
                        Variant(
                            dialect: dialect, checksum: checksum, stable: stable, unstable: unstable,
                            tracksChanges: tracks)
                    }
                }
            }
        }
    }

    /// A broad, a strong and a weak checksum with every pair of trees, on both kinds of memory.
    static let strategies: [Variant] = [Checksum.jhash2, .xxh3, .weak].flatMap { checksum in
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

    /// All in an optimized build; elsewhere every fourth, with each checksum, tree, dialect and kind of memory.
    static let affordable: [Variant] =
        Environment.isOptimized ? all : all.enumerated().filter { ($0.offset / 4 + $0.offset) % 4 == 0 }.map(\.element)
}
