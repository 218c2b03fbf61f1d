import FixedPolicy
public import FrontEnd
import HashTableIndex
import JHash2Checksum
public import PageChecksum
public import PageTree
import RedBlackTree
public import ScanPolicy
import TerminalView
import XXHashChecksum

/// The strategies that configuration can name. ``standard`` knows Samepage's own; a program adds its plug-ins:
///
/// ```swift
/// var registry = StrategyRegistry.standard
/// registry.checksums["my-checksum"] = { MyChecksum() }
/// ```
public struct StrategyRegistry: Sendable {
    /// Makes a strategy; called once for each place where it is used.
    public typealias Maker<Strategy> = @Sendable () -> Strategy

    /// Checksums by name.
    public var checksums: [String: Maker<any PageChecksum>] = [:]
    /// Indexes for the stable and the unstable tree, by name.
    public var trees: [String: Maker<any PageTree>] = [:]
    /// Scan policies by name.
    public var policies: [String: Maker<any ScanPolicy>] = [:]
    /// Front ends by name.
    public var frontEnds: [String: Maker<any FrontEnd>] = [:]

    /// Knows nothing.
    public init() {}

    /// Samepage's own strategies.
    public static var standard: StrategyRegistry {
        var registry = StrategyRegistry()
        registry.checksums = [
            "xxh3-128": { XXH3Checksum() },
            "jhash2": { JHash2() },
        ]
        registry.trees = [
            "hash-table": { HashTable() },
            "red-black": { RedBlackTree(order: .digestThenContent) },
            "red-black-content": { RedBlackTree(order: .content) },
        ]
        registry.policies = ["fixed": { FixedPolicy() }]
        registry.frontEnds = ["terminal": { TerminalView() }]
        return registry
    }
}
