import Conformance
import RedBlackTree
import Testing

@Suite("The conformance kits find faults")
struct KitTests {
    @Test("in checksums", arguments: BrokenChecksum.Fault.allCases)
    func checksum(fault: BrokenChecksum.Fault) {
        #expect(!ChecksumConformance(BrokenChecksum(fault: fault)).violations().isEmpty)
    }

    @Test("and name the byte that a checksum leaves out")
    func lastByte() {
        let violations = ChecksumConformance(BrokenChecksum(fault: .ignoresLastByte)).violations()
        #expect(violations.first == "1 bytes do not count in the digest, the first is byte 4095")
    }

    @Test("in keyed trees", arguments: BrokenTree.Fault.allCases)
    func tree(fault: BrokenTree.Fault) {
        #expect(!TreeConformance { BrokenTree(fault) }.violations().isEmpty)
    }

    @Test(
        "in trees ordered by content",
        arguments: [BrokenTree.Fault.losesElements, .trustsDigests, .hidesGone, .miscounts])
    func contentTree(fault: BrokenTree.Fault) {
        #expect(!TreeConformance { BrokenTree(fault, order: .content) }.violations().isEmpty)
    }

    @Test("in a tree without balance")
    func list() {
        let violations = TreeConformance { ListTree() }.violations()
        #expect(violations.contains { $0.contains("comparisons among") })
    }

    @Test("in policies", arguments: BrokenPolicy.Fault.allCases)
    func policy(fault: BrokenPolicy.Fault) {
        #expect(!PolicyConformance { BrokenPolicy(fault) }.violations().isEmpty)
    }

    @Test("the generator gives the published numbers")
    func splitMix() {
        // The first numbers of SplitMix64 from the seed 1234567, as its users test it.
        var random = SplitMix64(seed: 1_234_567)
        let numbers = (0..<5).map { _ in random.next() }
        #expect(
            numbers == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }
}
