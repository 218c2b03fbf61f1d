public import InProcess
public import Merger
import PageChecksum
import PageTree
import ScanPolicy

/// Which strategies a merger is made of, and its settings; the keys are those of the configuration file, which
/// ``StrategyRegistry/configurationKeys`` lists.
public struct SamepageConfiguration: Sendable, Hashable {
    /// Key `checksum`.
    public var checksum = "xxh3-128"
    /// Key `stableTree`.
    public var stableTree = "hash-table"
    /// Key `unstableTree`.
    public var unstableTree = "hash-table"
    /// Key `policy`.
    public var policy = "fixed"
    /// Attributes of the policy, by name, set in the order of their names; for example `pages_to_scan`.
    public var policyAttributes: [String: String] = [:]
    /// The same for one policy only, by its name; set after ``policyAttributes``.
    public var pluginAttributes: [String: [String: String]] = [:]
    /// Key `memory`: `daemon` for that of other programs.
    public var memory = "daemon"
    /// Key `frontEnds`.
    public var frontEnds = ["control"]
    /// Settings of the merger: keys `dialect`, `run`, `rowLength`, `useZeroPages`, `maxKernelPages`, `minimumAge`, `minimumSharers`.
    public var merger = MergerConfiguration()
    /// Settings of merging in one process: keys `vmaBudgetPercent`, `rewrittenPages`, `excludeDontDump`.
    public var inProcess = InProcessSettings()
    /// Key `clientGroup`: the group whose members are served; empty for the daemon's user alone.
    public var clientGroup = ""
    /// Key `salt`.
    public var salt = ""
    /// Key `userNamespaces`: whether programs in user namespaces of their own are served.
    public var userNamespaces = false
    /// Key `maxStored`: MiB of merged contents in all; 0 for a quarter of the machine's memory.
    public var maxStored: UInt32 = 0
    /// Key `noMerge`: patterns of the names of programs that are not merged.
    public var unmergedPrograms: [String] = []
    /// Key `cpuShare`: percent of one CPU; 100 for any number.
    public var cpuShare: UInt32 = 100
    /// Key `domains`: rules as `DomainRule` reads them.
    public var domains: [String] = []
    /// Key `nice`: -20 to 19.
    public var nice: Int32 = 5
    /// Key `schedIdle`.
    public var schedIdle = false
    /// Key `lingerSeconds`.
    public var lingerSeconds = 30

    /// Takes the defaults.
    public init() {}

    /// Key `dialect`.
    public var dialect: MergerDialect {
        get { merger.dialect }
        set { merger.dialect = newValue }
    }

    /// Key `vmaBudgetPercent`.
    public var vmaBudgetPercent: UInt32 {
        get { inProcess.vmaBudgetPercent }
        set { inProcess.vmaBudgetPercent = newValue }
    }

    /// Key `excludeDontDump`.
    public var excludesDontDump: Bool {
        get { inProcess.excludesDontDump }
        set { inProcess.excludesDontDump = newValue }
    }

    /// Key `rewrittenPages`.
    public var rewrittenPages: RewrittenPages {
        get { inProcess.rewrittenPages }
        set { inProcess.rewrittenPages = newValue }
    }

    /// Makes the parts of a merger.
    ///
    /// - Throws: ``ConfigurationError`` that names the key, the value and what would be right.
    public func makeParts(
        from registry: StrategyRegistry = .standard
    ) throws(ConfigurationError) -> MergerParts {
        var policy = PolicyStack(try Self.pick(policy, "policy", registry.policies))
        for name in Self.zeros(in: dialect) where policy.attributes.contains(name) { try? policy.set(name, to: "0") }
        // What the advisor is told counts whenever it comes into force.
        let plugins = Set([self.policy, "scan-time"]).sorted().map { pluginAttributes[$0] ?? [:] }
        for attributes in [policyAttributes] + plugins {
            for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
                do throws(AttributeError) {
                    try policy.set(name, to: value)
                } catch {
                    throw ConfigurationError(message: "policy \(self.policy): \(error.description)")
                }
            }
        }
        policy.begin()
        return MergerParts(
            checksum: try Self.pick(checksum, "checksum", registry.checksums),
            stableTree: try Self.pick(stableTree, "stableTree", registry.trees),
            unstableTree: try Self.pick(unstableTree, "unstableTree", registry.trees), policy: policy,
            configuration: merger)
    }

    /// Attributes of the policy that are 0 unless set: KSM's first version had no other defaults.
    static func zeros(in dialect: MergerDialect) -> [String] {
        dialect == .first ? ["pages_to_scan", "sleep_millisecs"] : []
    }

    static func pick<Strategy>(
        _ name: String, _ key: String, _ makers: [String: Strategy]
    ) throws(ConfigurationError) -> Strategy {
        if let make = makers[name] { return make }
        let known = makers.keys.sorted().joined(separator: ", ")
        throw ConfigurationError(message: "\(key) '\(name)' is not known: choose one of \(known)")
    }

    private static func pick<Strategy>(
        _ name: String, _ key: String, _ makers: [String: StrategyRegistry.Maker<Strategy>]
    ) throws(ConfigurationError) -> Strategy {
        let make: StrategyRegistry.Maker<Strategy> = try pick(name, key, makers)
        return make()
    }
}

/// What is wrong with a configuration.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line: what is wrong, and what to do.
    public let message: String

    /// States what is wrong.
    public init(message: String) { self.message = message }

    /// The message.
    public var description: String { message }
}

extension InProcessMerger {
    /// Starts a merger for this process from a configuration.
    ///
    /// - Throws: ``ConfigurationError``, or `InProcessError` when its thread cannot be started.
    public convenience init(
        _ configuration: SamepageConfiguration = SamepageConfiguration(), registry: StrategyRegistry = .standard
    ) throws {
        try self.init(parts: configuration.makeParts(from: registry), settings: configuration.inProcess)
    }
}
