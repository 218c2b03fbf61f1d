import Conformance
import JHash2Checksum
import PageChecksum
import SimulatedMemory
import Testing
import XXHashChecksum

@Suite("The conformance kit of memories")
struct ConformanceTests {
    @Test("finds nothing wrong with simulated memory", arguments: [true, false], [16, 64, 4096])
    func simulatedMemoryConforms(tracksChanges: Bool, pageSize: Int) {
        for checksum in [JHash2(), XXH3Checksum()] as [any PageChecksum] {
            let memory = SimulatedMemory(pageSize: pageSize, tracksChanges: tracksChanges, checksum: checksum)
            var harness = SimulatedHarness(memory)
            let violations = MemoryConformance(checksum: checksum).violations(of: &harness)
            #expect(violations == [])
            #expect(memory.bookkeepingViolations() == [])
            let census = memory.census()
            #expect(census == SimulatedCensus(), "pages or frames are left")
        }
    }

    @Test("catches a broken memory", arguments: Flaw.allCases, [true, false])
    func brokenMemoryIsCaught(flaw: Flaw, tracksChanges: Bool) {
        guard tracksChanges || !flaw.needsTracking else { return }
        let memory = SimulatedMemory(pageSize: 64, tracksChanges: tracksChanges, checksum: XXH3Checksum())
        var harness = SimulatedHarness(memory, memory: FlawedMemory(simulation: memory, flaw: flaw))
        let violations = MemoryConformance(checksum: XXH3Checksum()).violations(of: &harness)
        #expect(!violations.isEmpty)
    }
}
