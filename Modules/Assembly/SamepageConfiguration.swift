public import InProcess
public import Merger
import PageChecksum
import PageTree
import ScanPolicy

/// Which strategies a merger is made of, and its settings; the keys are those of the configuration file.
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
    /// Settings of the merger: keys `run`, `rowLength`.
    public var merger = MergerConfiguration()
    /// Settings of merging in one process: key `vmaBudgetPercent`.
    public var memory = InProcessSettings()

    /// Takes the defaults.
    public init() {}

    /// Makes the parts of a merger.
    ///
    /// - Throws: ``ConfigurationError`` that names the key, the value and what would be right.
    public func makeParts(
        from registry: StrategyRegistry = .standard
    ) throws(ConfigurationError) -> MergerParts {
        var policy = try Self.pick(policy, "policy", registry.policies)
        for (name, value) in policyAttributes.sorted(by: { $0.key < $1.key }) {
            do throws(AttributeError) {
                try policy.set(name, to: value)
            } catch {
                throw ConfigurationError(message: error.description)
            }
        }
        return MergerParts(
            checksum: try Self.pick(checksum, "checksum", registry.checksums),
            stableTree: try Self.pick(stableTree, "stableTree", registry.trees),
            unstableTree: try Self.pick(unstableTree, "unstableTree", registry.trees), policy: policy,
            configuration: merger)
    }

    private static func pick<Strategy>(
        _ name: String, _ key: String, _ makers: [String: StrategyRegistry.Maker<Strategy>]
    ) throws(ConfigurationError) -> Strategy {
        if let make = makers[name] { return make() }
        let known = makers.keys.sorted().joined(separator: ", ")
        throw ConfigurationError(message: "\(key) '\(name)' is not known: choose one of \(known)")
    }
}

/// What is wrong with a configuration.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line: what is wrong, and what to do.
    public let message: String

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
        try self.init(parts: configuration.makeParts(from: registry), settings: configuration.memory)
    }
}
