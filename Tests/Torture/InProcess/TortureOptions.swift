/// What was asked for.
struct TortureOptions {
    var seconds = 30
    var seed: UInt64 = 1
    var mib = 16
    var kinds = Kind.allCases
    /// Whether writes to merged pages are trapped.
    var traps = false
    var mutant: Mutant?
}

/// A safety of the merge that is taken out, to see that the torture notices.
enum Mutant: String, CaseIterable {
    case writeProtection = "write-protection"
    case secondCompare = "second-compare"
    case pagemapRule = "pagemap-rule"
    case rewrittenPages = "rewritten-pages"

    /// As in `RemapMutants`.
    var bits: UInt8 {
        switch self {
        case .writeProtection: 1
        case .secondCompare: 2
        case .pagemapRule: 4
        case .rewrittenPages: 16
        }
    }

    /// As the agent wants it: the character so many behind "0".
    var letter: String { String(UnicodeScalar(48 + bits)) }
}
