/// What smart scan remembers of pages: how often each was visited, and how many visits it is passed over still. Two
/// bytes a page.
///
/// A page that does not merge is visited less and less: on its visits 0, 1, 2, 3, 5, 8, 13, 22, and from then on every
/// ninth time. Source: Linux `Documentation/admin-guide/mm/ksm.rst` (`smart_scan`), and what Linux 6.18 does.
public struct PageAges: Sendable, Hashable {
    /// Visits of each page, at most 255, and those that are still passed over; 64 entries a chunk.
    private var ages: [UInt8] = []
    private var skips: [UInt8] = []

    /// What a page costs.
    public static let bytesPerPage = 2

    /// Knows no page.
    public init() {}

    /// Visits the pages of a chunk and says which of them to scan.
    ///
    /// - Parameters:
    ///   - candidates: The pages in question: bit i stands for page i.
    ///   - absent: Pages to forget.
    /// - Returns: A subset of `candidates`.
    /// - Complexity: O(n) in the candidates; memory of 128 bytes for each chunk up to this one.
    public mutating func visit(chunk: UInt32, candidates: UInt64, absent: UInt64) -> UInt64 {
        let first = Int(chunk) * 64
        if first >= ages.count {
            guard candidates != 0 else { return 0 }
            let missing = first + 64 - ages.count
            ages.append(contentsOf: repeatElement(0, count: missing))
            skips.append(contentsOf: repeatElement(0, count: missing))
        }
        var forgotten = absent & ~candidates
        while forgotten != 0 {
            let page = first + forgotten.trailingZeroBitCount
            forgotten &= forgotten - 1
            ages[page] = 0
            skips[page] = 0
        }
        var selected = candidates
        var rest = candidates
        while rest != 0 {
            let bit = rest & (~rest &+ 1)
            rest &= rest - 1
            if isPassedOver(first + bit.trailingZeroBitCount) { selected &= ~bit }
        }
        return selected
    }

    /// Counts a visit of one page.
    private mutating func isPassedOver(_ page: Int) -> Bool {
        let age = ages[page]
        if age != .max { ages[page] = age + 1 }
        guard age >= 3 else { return false }
        if skips[page] == 0 {
            skips[page] = PageAges.skips(atAge: age)
            return false
        }
        skips[page] -= 1
        return true
    }

    /// How many visits a page of this age is passed over after a scan.
    private static func skips(atAge age: UInt8) -> UInt8 {
        switch age {
        case ...3: 1
        case ...5: 2
        case ...8: 4
        default: 8
        }
    }

    /// Forgets the pages of a chunk.
    public mutating func forget(chunk: UInt32) {
        let first = Int(chunk) * 64
        guard first < ages.count else { return }
        for page in first..<first + 64 {
            ages[page] = 0
            skips[page] = 0
        }
    }
}
