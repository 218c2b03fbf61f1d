import Merger
import Testing
import Wire

@testable import Daemon

@Suite("Daemon memory: what a stopped process says late")
struct MemoryLateAnswerTests {
    @Test("is forgotten of pages that have merged since, and of no others")
    func mergedSince() throws {
        let rig = try MemoryRig()
        let first = try rig.client((1...8).map { 100 + $0 })
        let second = try rig.client((1...8).map { $0 } + [50, 50])
        rig.scan(3)
        #expect(rig.counters.pagesSharing == 1)
        for index in 0..<8 where index != 3 { first.write(1, index, seed: UInt64(index + 1)) }
        rig.scan()
        // The second program was asked, stopped, and went on; what it says of its pages comes before they merge, since the
        // first program is looked at first.
        rig.clients[1].connection.lateRuns = [(1, WireRun(start: 0, count: 10, state: .discarded))]
        rig.scan()
        for index in 0..<8 where index != 3 { #expect(second.frames(1)[index] != nil) }
        // Seven pairs, and neither page 3 nor the pair at the end, which were discarded.
        #expect(rig.counters.pagesShared == 7 && rig.counters.pagesSharing == 7, "\(rig.counters)")
    }
}
