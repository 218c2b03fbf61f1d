package import Assembly
import FrontEnd
import PageChecksum
import ScanPolicy

/// Every strategy that configuration can name, as text and as JSON.
package struct StrategyList: Hashable, Sendable, Encodable {
    /// One strategy.
    package struct Entry: Hashable, Sendable, Encodable {
        /// The name in the configuration.
        package let name: String
        /// Whether it is used when the configuration says nothing.
        package let isDefault: Bool
        /// The size of a checksum.
        package var bits: Int?
        /// Where a checksum is taken: by the `agent` in each program, or by the `daemon`, to which changed pages are
        /// copied for that.
        package var runs: String?
        /// The attributes of a policy.
        package var attributes: [String]?

        private enum CodingKeys: String, CodingKey {
            case name, bits, runs, attributes
            case isDefault = "default"
        }
    }

    /// The checksums, by name.
    package let checksums: [Entry]
    /// The trees, by name.
    package let trees: [Entry]
    /// The policies, by name.
    package let policies: [Entry]
    /// The memories, by name.
    package let memories: [Entry]
    /// The front ends, by name.
    package let frontEnds: [Entry]

    /// Lists what a registry knows.
    package init(_ registry: StrategyRegistry, defaults: SamepageConfiguration = SamepageConfiguration()) {
        func entries<Maker>(
            _ makers: [String: Maker], default chosen: [String], _ describe: (Maker, inout Entry) -> Void = { _, _ in }
        ) -> [Entry] {
            makers.sorted { $0.key < $1.key }.map { name, make in
                var entry = Entry(name: name, isDefault: chosen.contains(name))
                describe(make, &entry)
                return entry
            }
        }
        checksums = entries(registry.checksums, default: [defaults.checksum]) { make, entry in
            let checksum = make()
            entry.bits = checksum.bits
            entry.runs = StrategyRegistry.runsInAgent(checksum) ? "agent" : "daemon"
        }
        trees = entries(registry.trees, default: [defaults.stableTree])
        policies = entries(registry.policies, default: [defaults.policy]) { $1.attributes = $0().attributes }
        memories = entries(registry.memories, default: [defaults.memory])
        frontEnds = entries(registry.frontEnds, default: defaults.frontEnds)
    }

    /// For people; the defaults are marked.
    package var text: String {
        [
            ("checksums", checksums), ("trees", trees), ("policies", policies), ("memories", memories),
            ("frontEnds", frontEnds),
        ]
        .map { kind, entries in "\(kind)\n\(entries.map { "  \($0.text)\n" }.joined())" }
        .joined()
    }
}

extension StrategyList.Entry {
    /// One line for people.
    fileprivate var text: String {
        var parts = [name]
        if let bits { parts.append("bits \(bits)") }
        if let runs { parts.append("runs \(runs)") }
        if let attributes { parts.append("attributes \(attributes.joined(separator: ", "))") }
        if isDefault { parts.append("(default)") }
        return parts.joined(separator: "  ")
    }
}
