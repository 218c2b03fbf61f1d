import Assembly
import Conformance
import FixedPolicy
import HashTableIndex
import JHash2Checksum
import PageChecksum
import PageTree
import RedBlackTree
import ScanPolicy
import ScanTimePolicy
import SmartScanPolicy
import Testing
import XXHashChecksum

@Suite("Every strategy keeps its contract")
struct ConformanceTests {
    static let checksums: [any PageChecksum] = [
        XXH3Checksum(), JHash2(), XXH3Checksum64(), XXH64Checksum(), XXH32Checksum(),
        XXH3Checksum(seed: .max), JHash2(initialValue: 0), XXH3Checksum64(seed: 1), XXH64Checksum(seed: 2),
        XXH32Checksum(seed: .max),
    ]

    @Test("checksums", arguments: checksums.indices, [16, 4096])
    func checksum(index: Int, pageSize: Int) {
        let checksum = ConformanceTests.checksums[index]
        #expect(ChecksumConformance(checksum, pageSize: pageSize).violations() == [])
    }

    static let trees: [@Sendable () -> any PageTree] = [
        { RedBlackTree(order: .digestThenContent) }, { RedBlackTree(order: .content) }, { HashTable() },
        { RedBlackTree(order: .digestThenContent, capacity: 10) }, { HashTable(seed: 0, capacity: 100) },
    ]

    @Test("trees", arguments: trees.indices, [1, 2] as [UInt64])
    func tree(index: Int, seed: UInt64) {
        #expect(TreeConformance(seed: seed, ConformanceTests.trees[index]).violations() == [])
    }

    @Test("policies")
    func policy() {
        #expect(PolicyConformance { FixedPolicy() }.violations() == [])
        #expect(PolicyConformance(seed: 2) { FixedPolicy(pagesToScan: 0, sleepMillisecs: .max) }.violations() == [])
        let unsigned = ["pages_to_scan", "sleep_millisecs"]
        let makers: [@Sendable () -> any ScanPolicy] = [
            { SmartScanPolicy(pace: FixedPolicy()) }, { ScanTimePolicy(pace: FixedPolicy()) },
            { PolicyStack(FixedPolicy()) },
            { PolicyStack(SmartScanPolicy(pace: ScanTimePolicy(pace: FixedPolicy()))) },
        ]
        for (seed, make) in makers.enumerated() {
            #expect(
                PolicyConformance(unsignedAttributes: unsigned, seed: UInt64(seed), make).violations() == [])
        }
    }

    @Test("names and widths by which configuration knows them")
    func names() {
        let names = ["xxh3-128", "jhash2", "xxh3-64", "xxh64", "xxh32"]
        #expect(ConformanceTests.checksums.map(\.name) == names + names)
        #expect(ConformanceTests.checksums.map(\.bits) == [128, 32, 64, 64, 32, 128, 32, 64, 64, 32])
        let makers = StrategyRegistry.standard.checksums
        #expect(makers.keys.sorted() == names.sorted())
        for (name, make) in makers { #expect(make().name == name) }
        let trees = ConformanceTests.trees.prefix(3).map { $0() }
        #expect(trees.map(\.name) == ["red-black", "red-black-content", "hash-table"])
        #expect(trees.map(\.isKeyed) == [true, false, true])
        #expect(FixedPolicy().name == "fixed")
    }

    @Test("the agent takes only checksums that it carries, with the seed that it knows")
    func agent() {
        for checksum in [XXH3Checksum(), JHash2()] as [any PageChecksum] {
            #expect(StrategyRegistry.runsInAgent(checksum))
        }
        let others: [any PageChecksum] = [
            XXH3Checksum(seed: 1), JHash2(initialValue: 0), XXH3Checksum64(), XXH64Checksum(), XXH32Checksum(),
        ]
        for checksum in others { #expect(!StrategyRegistry.runsInAgent(checksum), "\(checksum)") }
    }
}
