public import PageTree

/// Checks that an index keeps the contract of ``PageTree/PageTree``, against an oracle that looks at every element.
///
///     for violation in TreeConformance({ MyTree() }).violations() { Issue.record("\(violation)") }
///
/// Random sequences of search, insert, remove and removeAll run over several kinds of digests: spread over 128 bits, only
/// in the upper or the lower half, few for many contents, one for all. In some the contents of elements change
/// under the index, in some pages are gone. After every step the number of elements must be right and
/// `invariantViolation` be `nil`; a search must find what the contract says it finds, and compare no more than it may:
/// keyed indexes only elements of equal digest and each once, others at most 2 log2(n + 1) elements.
///
/// A sequence ends at its first violation, which is told with the seed and the step, so that it can be repeated. An index
/// that traps or loops without comparing takes the test with it.
public struct TreeConformance: Sendable {
    let makeTree: @Sendable () -> any PageTree
    let steps: Int
    let seed: UInt64

    /// Prepares the checks.
    ///
    /// - Parameters:
    ///   - steps: The number of steps of each random sequence.
    ///   - seed: What the random sequences come from.
    ///   - makeTree: Makes the plug-in to check, each time a fresh and empty one.
    /// - Complexity: O(1)
    public init(steps: Int = 1000, seed: UInt64 = 1, _ makeTree: @escaping @Sendable () -> any PageTree) {
        self.makeTree = makeTree
        self.steps = steps
        self.seed = seed
    }

    /// Runs all checks and says, in one line each, what is wrong; empty for a sound index.
    ///
    /// - Complexity: Some 20 sequences of `steps` steps; each step looks at every element, of which there are at most 200.
    public func violations() -> [String] {
        let name = makeTree().name
        var found: [String] = []
        if !isPlainName(name) { found.append("the name '\(name)' is not made of small letters, digits and hyphens") }
        for digests in Digests.allCases {
            for disturbance in Disturbance.allCases {
                found += randomViolations(digests, disturbance)
            }
            for removal in Removal.allCases {
                found += removalViolations(digests, removal)
            }
        }
        return found
    }
}

extension TreeConformance {
    /// How digests follow from contents.
    enum Digests: String, CaseIterable, Sendable {
        case spread = "spread digests"
        case lowHalf = "digests that count up"
        case highHalf = "digests in the upper half"
        case few = "few digests"
        case one = "one digest"
    }

    /// What else happens in a random sequence.
    enum Disturbance: String, CaseIterable, Sendable {
        case none = "quiet pages"
        case changes = "changing pages"
        case losses = "vanishing pages"
        case both = "changing and vanishing pages"

        var changesPages: Bool { self == .changes || self == .both }
        var losesPages: Bool { self == .losses || self == .both }
    }

    /// The order in which elements are taken out.
    enum Removal: String, CaseIterable, Sendable {
        case ascending
        case descending
        case random
    }
}
