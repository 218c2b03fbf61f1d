import ControlSocket
import Daemon
import FixedPolicy
public import FrontEnd
import HashTableIndex
import JHash2Checksum
public import Logging
public import PageChecksum
public import PageTree
import RedBlackTree
import ScanTimePolicy
public import ScanPolicy
import SmartScanPolicy
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
    /// Makes a merger of a configuration and of the strategies of a registry, for those that find it at a socket.
    public typealias MemoryMaker =
        @Sendable (
            _ configuration: SamepageConfiguration, _ registry: StrategyRegistry, _ socketPath: String, _ logger: Logger
        ) throws -> any MergerService
    /// Makes a front end of a merger that programs find at a socket.
    public typealias FrontEndMaker = @Sendable (_ socketPath: String) -> any FrontEnd

    /// Checksums by name.
    public var checksums: [String: Maker<any PageChecksum>] = [:]
    /// Indexes for the stable and the unstable tree, by name.
    public var trees: [String: Maker<any PageTree>] = [:]
    /// Scan policies by name.
    public var policies: [String: Maker<any ScanPolicy>] = [:]
    /// Memories by name.
    public var memories: [String: MemoryMaker] = [:]
    /// Front ends by name.
    public var frontEnds: [String: FrontEndMaker] = [:]

    /// Knows nothing.
    public init() {}

    /// Whether the agent in each program carries a checksum; for another, changed pages are copied to the daemon.
    ///
    /// A checksum with another seed than the agent's is another one, whatever its name.
    public static func runsInAgent(_ checksum: any PageChecksum) -> Bool {
        DaemonMemory.runsInAgent(checksum)
    }

    /// Samepage's own strategies.
    public static var standard: StrategyRegistry {
        var registry = StrategyRegistry()
        registry.checksums = [
            "xxh3-128": { XXH3Checksum() },
            "xxh3-64": { XXH3Checksum64() },
            "xxh64": { XXH64Checksum() },
            "xxh32": { XXH32Checksum() },
            "jhash2": { JHash2() },
        ]
        registry.trees = [
            // Each table has a seed that nobody knows: no program can choose pages that make another's merging slow.
            "hash-table": { HashTable(seed: UInt64.random(in: 0...UInt64.max)) },
            "red-black": { RedBlackTree(order: .digestThenContent) },
            "red-black-content": { RedBlackTree(order: .content) },
        ]
        registry.policies = [
            "fixed": { FixedPolicy() },
            "smart-scan": { SmartScanPolicy(pace: FixedPolicy()) },
            "scan-time": { ScanTimePolicy(pace: FixedPolicy()) },
        ]
        registry.memories = [
            "daemon": { try SamepageDaemon($0, registry: $1, socketPath: $2, logger: $3) },
            "in-process": { _, _, _, _ in
                throw ConfigurationError(
                    message:
                        "memory 'in-process' is for programs that merge memory of their own: a daemon needs 'daemon'")
            },
        ]
        registry.frontEnds = [
            "control": { ControlSocket(path: ControlSocket.path(besides: $0)) },
            "terminal": { _ in TerminalView() },
        ]
        return registry
    }
}
