/// What was asked for.
struct TortureOptions {
    var seconds = 30
    var seed: UInt64 = 1
    var mib = 16
    var kinds = Kind.allCases
    var mutant: Mutant?
}

/// A safety of the merge that is taken out, to see that the torture notices.
enum Mutant: String, CaseIterable {
    case writeProtection = "write-protection"
    case secondCompare = "second-compare"
    case pagemapRule = "pagemap-rule"

    /// As in `RemapMutants`.
    var bits: UInt8 {
        switch self {
        case .writeProtection: 1
        case .secondCompare: 2
        case .pagemapRule: 4
        }
    }
}
