import Conformance
import Merger
import Testing

/// Random sequences against a plain model, over every strategy. A failing one is shrunk, and told with its seed.
@Suite("Random sequences")
struct PropertyTests {
    /// One sequence for each choice of strategies in every run; thousands when asked for.
    static let numbers = {
        let first = UInt64(Environment.firstSequence ?? 0)
        return first..<first + UInt64(Environment.sequences ?? 1)
    }()
    static let length = 120

    @Test("keep every page, every contract and every figure right", arguments: Variant.affordable)
    func randomSequences(variant: Variant) {
        for number in PropertyTests.numbers {
            let seed = UInt64(Variant.all.firstIndex(of: variant)!) << 32 | number
            var random = SplitMix64(seed: seed)
            var variant = variant
            variant.pageSize = [16, 64, 256].randomElement(using: &random)!
            variant.usesZeroPages = variant.dialect == .linux && Bool.random(using: &random)
            variant.rowLength = [1, 1, 4, 64].randomElement(using: &random)!
            variant.batchPages = [1, 3, 16, 512].randomElement(using: &random)!
            variant.maxPageSharing = [2, 3, 5, 256, 256].randomElement(using: &random)!
            // The first version knows no limit.
            if variant.dialect == .first { variant.maxPageSharing = 256 }
            variant.pagesToScan = [4, 30, 1 << 20].randomElement(using: &random)!
            let operations = Operation.sequence(of: PropertyTests.length, using: &random)
            guard let failure = Walk.failure(of: operations, variant) else { continue }
            let short = shrink(operations) { Walk.failure(of: $0, variant) != nil }
            let told = short.map { "  \($0)" }.joined(separator: "\n")
            Issue.record(
                """
                seed \(seed), \(variant): \(failure)
                shrunk to \(short.count) operations: \(Walk.failure(of: short, variant) ?? "")
                \(told)
                """)
            return
        }
    }

    @Test("a failing sequence is shrunk to what makes it fail")
    func shrinking() {
        let fails = { (numbers: [Int]) in numbers.contains(17) && numbers.contains(80) }
        #expect(shrink(Array(0..<100), while: fails) == [17, 80])
    }
}
