package import Assembly
import FrontEnd
import PageChecksum
import ScanPolicy

/// Every strategy that configuration can name, as text and as JSON.
package struct StrategyList: Hashable, Sendable {
    /// One strategy.
    package struct Entry: Hashable, Sendable {
        /// The name in the configuration.
        package let name: String
        /// Whether it is used when the configuration says nothing.
        package let isDefault: Bool
        /// What there is to know about it: name and value.
        package let details: [JSONText.Field]
    }

    /// The strategies for one place.
    package struct Kind: Hashable, Sendable {
        /// The place, in plural.
        package let name: String
        /// The strategies, by name.
        package let entries: [Entry]
    }

    /// The places.
    package let kinds: [Kind]

    /// Lists what a registry knows.
    package init(_ registry: StrategyRegistry, defaults: SamepageConfiguration = SamepageConfiguration()) {
        func kind<Strategy>(
            _ name: String, _ makers: [String: StrategyRegistry.Maker<Strategy>], default chosen: String?,
            _ details: (Strategy) -> [JSONText.Field] = { _ in [] }
        ) -> Kind {
            let sorted = makers.sorted { $0.key < $1.key }
            return Kind(
                name: name,
                entries: sorted.map { Entry(name: $0.key, isDefault: $0.key == chosen, details: details($0.value())) })
        }
        kinds = [
            kind("checksums", registry.checksums, default: defaults.checksum) {
                [.init("bits", .integer($0.bits))]
            },
            kind("trees", registry.trees, default: defaults.stableTree),
            kind("policies", registry.policies, default: defaults.policy) {
                [.init("attributes", .array($0.attributes.map { .string($0) }))]
            },
            kind("frontEnds", registry.frontEnds, default: nil),
        ]
    }

    /// For programs.
    package var json: JSONText {
        .object(
            kinds.map { kind in
                let entries = kind.entries.map { entry in
                    JSONText.object(
                        [.init("name", .string(entry.name)), .init("default", .bool(entry.isDefault))] + entry.details)
                }
                return .init(kind.name, .array(entries))
            })
    }

    /// For people; the defaults are marked.
    package var text: String {
        kinds.map { kind in
            let lines = kind.entries.map { entry in
                let details = entry.details.map { "  \($0.name) \(StrategyList.brief($0.value))" }.joined()
                return "  \(entry.name)\(details)\(entry.isDefault ? "  (default)" : "")\n"
            }
            return "\(kind.name)\n\(lines.joined())"
        }.joined()
    }

    private static func brief(_ value: JSONText) -> String {
        switch value {
        case .string(let text): text
        case .array(let values): values.map(brief).joined(separator: ", ")
        default: value.description
        }
    }
}
