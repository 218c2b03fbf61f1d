import Testing

/// Random sequences of what several programs do, against a plain model, over every choice of strategies, dialect and kind
/// of memory. A failing one is shrunk, and told with its seed.
@Suite("Random programs")
struct MachineTests {
    /// How many operations there are together that do something.
    static let operations = Environment.isOptimized ? 100_000 : 2000
    static let length = Environment.isOptimized ? 160 : 60

    @Test("find every page, every frame and every figure right", arguments: Variant.Checksum.allCases)
    func randomPrograms(checksum: Variant.Checksum) {
        let variants = Variant.affordable.filter { $0.checksum == checksum }
        let wanted = MachineTests.operations * (Environment.sequences ?? 1) / Variant.affordable.count + 1
        var evidence = Evidence()
        var performed = 0
        for variant in variants {
            var (done, number) = (0, UInt64(Environment.firstSequence ?? 0))
            while done < wanted {
                guard let walk = run(variant, number: number) else { return }
                evidence.add(walk.evidence)
                done += walk.performed
                number += 1
            }
            performed += done
        }
        #expect(performed >= wanted * variants.count)
        let missing = Evidence.expected.filter { evidence.counts[$0] == nil }
        #expect(missing == [] || !Environment.isOptimized)
        print("\(checksum.rawValue): \(performed) operations, \(evidence.counts.sorted { $0.key < $1.key })")
    }

    /// - Returns: `nil` for a sequence that failed, and was told of.
    private func run(_ variant: Variant, number: UInt64) -> ProgramWalk? {
        let sequence = ProgramSequence(variant, number: number, length: MachineTests.length)
        let walk = ProgramWalk.run(sequence.operations, sequence.variant)
        guard walk.failure != nil else { return walk }
        Issue.record("\(sequence.report())")
        return nil
    }
}
