import Conformance
import Merger

/// A random sequence, and what it is performed on: the same for the same seed.
struct ProgramSequence {
    let seed: UInt64
    let variant: Variant
    let operations: [MachineOperation]

    /// - Parameter variant: One of all; what is not systematic of it is chosen at random.
    init(_ variant: Variant, number: UInt64, length: Int) {
        seed = UInt64(Variant.all.firstIndex(of: variant)!) << 32 | number
        var random = SplitMix64(seed: seed)
        var variant = variant
        variant.pageSize = [16, 64, 256].randomElement(using: &random)!
        variant.usesZeroPages = variant.dialect == .linux && Bool.random(using: &random)
        variant.rowLength = [1, 1, 1, 1, 4, 64].randomElement(using: &random)!
        variant.batchPages = [1, 3, 16, 512].randomElement(using: &random)!
        variant.pagesToScan = [4, 30, 1 << 20].randomElement(using: &random)!
        variant.smartScan = Int.random(in: 0..<5, using: &random) == 0
        variant.maxPageSharing = [2, 3, 5, 256].randomElement(using: &random)!
        variant.pruneMilliseconds = [0, 2000].randomElement(using: &random)!
        variant.scansUntilRetry = 2
        variant.nodes = [1, 2, 3].randomElement(using: &random)!
        self.variant = variant
        operations = MachineOperation.sequence(of: length, nodes: variant.nodes, using: &random)
    }

    /// What failed, and the shortest sequence that still fails.
    func report() -> String {
        let failure = ProgramWalk.run(operations, variant).failure ?? "nothing, the second time"
        let short = shrink(operations) { ProgramWalk.run($0, variant).failure != nil }
        let told = short.map { "  \($0)" }.joined(separator: "\n")
        return """
            seed \(seed), \(variant): \(failure)
            shrunk to \(short.count) operations: \(ProgramWalk.run(short, variant).failure ?? "")
            \(told)
            """
    }
}
