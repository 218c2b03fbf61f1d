import Daemon
import Merger
import Testing
import Wire

@Suite("Daemon memory: merging")
struct MemoryMergeTests {
    @Test("equal pages of two clients share frames, and no byte changes")
    func equalPages() throws {
        let rig = try MemoryRig()
        let seeds: [UInt64?] = (1...300).map { $0 }
        let (first, second) = (try rig.client(seeds), try rig.client(seeds))
        rig.scan(3)
        #expect(rig.counters.pagesShared == 300)
        #expect(rig.counters.pagesSharing == 300)
        #expect(rig.memory.statistics.framesInUse == 300)
        #expect(rig.memory.statistics.storedBytes == 300 * pageSize)
        #expect(first.frames(1).allSatisfy { $0 != nil })
        #expect(first.frames(1) == second.frames(1))
        for index in seeds.indices {
            #expect(first.read(1, index) == content(seeds[index]!))
            #expect(second.read(1, index) == content(seeds[index]!))
        }
    }

    @Test("frames lie in the order of the pages that they were filled from")
    func framesInOrder() throws {
        let rig = try MemoryRig()
        let seeds: [UInt64?] = (1...700).map { $0 }
        let first = try rig.client(seeds)
        _ = try rig.client(seeds)
        rig.scan(3)
        let frames = first.frames(1).compactMap { $0 }
        #expect(frames == Array(0..<700))
    }

    @Test("frames that no agent came to map take no memory, and are not made again while map entries are short")
    func framesInVain() throws {
        let rig = try MemoryRig()
        let seeds: [UInt64?] = (1...300).map { $0 }
        let agents = [try rig.client(seeds), try rig.client(seeds)]
        for agent in agents { agent.locked { agent.lacksEntries = true } }
        rig.scan(43)
        for agent in agents {
            #expect(agent.locked { agent.received[WireKind.merge] } == nil)
            #expect(agent.locked { agent.received[WireKind.entries] ?? 0 } > 0)
        }
        let statistics = rig.memory.statistics
        #expect(statistics.framesInUse == 0 && eventually { rig.memory.statistics.storedBytes == 0 })
        #expect(rig.counters.pagesShared == 0 && rig.counters.pagesRefused == 600)
        #expect(rig.counters.pagesUnshared == 600 && rig.counters.pagesVolatile == 0)
        // Entries are free again, and the daemon asks.
        for agent in agents { agent.locked { agent.lacksEntries = false } }
        rig.scan(20)
        #expect(rig.counters.pagesShared == 300 && rig.counters.pagesSharing == 300)
        #expect(agents[1].read(1, 299) == content(300))
    }

    @Test("pages of zeros are given back without a frame")
    func zeros() throws {
        let rig = try MemoryRig()
        let agent = try rig.client([0, 0, 5, nil, 0])
        rig.scan(3)
        #expect(rig.counters.zeroPages == 3)
        #expect(rig.memory.statistics.framesInUse == 0)
        #expect(agent.read(1, 0) == content(0))
        #expect(agent.read(1, 2) == content(5))
    }

    @Test("a content that is needed often gets a row of identical frames")
    func rows() throws {
        let rig = try MemoryRig()
        let agent = try rig.client([UInt64?](repeating: 9, count: 256))
        rig.scan(3)
        #expect(rig.counters.pagesShared == 16)
        #expect(rig.counters.pagesSharing == 240)
        #expect(rig.memory.statistics.storedBytes == 16 * pageSize)
        let frames = agent.frames(1).compactMap { $0 }
        #expect(frames.enumerated().allSatisfy { $0.element == frames[0] + UInt32($0.offset % 16) })
        for index in 0..<256 { #expect(agent.read(1, index) == content(9)) }
    }

    @Test("a row grows from frames that exist")
    func longerRows() throws {
        let rig = try MemoryRig()
        _ = try rig.client([9, 9])
        rig.scan(3)
        #expect(rig.counters.pagesShared == 1)
        let agent = try rig.client([UInt64?](repeating: 9, count: 64))
        rig.scan(3)
        #expect(rig.counters.pagesShared == 5)
        #expect(agent.frames(1).allSatisfy { $0 != nil })
        for index in 0..<64 { #expect(agent.read(1, index) == content(9)) }
    }

    @Test("a written page leaves, and merges again when it is equal again")
    func rewritten() throws {
        let rig = try MemoryRig()
        let (first, second) = (try rig.client([1, 2, 3, 4]), try rig.client([1, 2, 3, 4]))
        rig.scan(3)
        first.write(1, 2, seed: 77)
        rig.scan()
        #expect(rig.counters.pagesSharing == 3)
        #expect(first.read(1, 2) == content(77))
        #expect(second.read(1, 2) == content(3))
        first.write(1, 2, seed: 3)
        rig.scan(3)
        #expect(rig.counters.pagesSharing == 4)
        #expect(first.frames(1) == second.frames(1))
    }

    @Test("run 2 gives every page memory of its own, and all frames go")
    func unmerge() throws {
        let rig = try MemoryRig()
        let seeds: [UInt64?] = (1...600).map { $0 }
        let (first, second) = (try rig.client(seeds), try rig.client(seeds))
        rig.scan(3)
        #expect(rig.counters.pagesSharing == 600)
        try rig.unmergeAll()
        #expect(rig.counters.pagesShared == 0)
        for agent in [first, second] {
            #expect(agent.frames(1).allSatisfy { $0 == nil })
            for index in seeds.indices { #expect(agent.read(1, index) == content(seeds[index]!)) }
        }
        #expect(eventually { rig.memory.statistics.storedBytes == 0 })
        #expect(rig.memory.statistics.segments == 0)
    }

    @Test("what clients say comes to the daemon in pieces that fit")
    func manyRuns() throws {
        let rig = try MemoryRig()
        let seeds: [UInt64?] = (0..<6000).map { (index: UInt64) -> UInt64? in index % 2 == 0 ? index / 2 + 1 : nil }
        let (first, _) = (try rig.client(seeds), try rig.client(seeds))
        rig.scan(3)
        #expect(rig.counters.pagesSharing == 3000)
        #expect(first.locked { first.received[WireKind.observe] ?? 0 } == 4)
    }

    @Test("figures of an agent", arguments: [1, 2])
    func statistics(times: Int) throws {
        let rig = try MemoryRig()
        let (_, connection) = try rig.connect()
        for _ in 0..<times {
            let statistics = connection.fetchStatistics()
            #expect(statistics?.figures.mapEntries == 17)
            #expect(statistics?.refusals.map(\.bytes) == [4096])
        }
    }

    @Test("settings and refusals reach the agent")
    func settings() throws {
        let rig = try MemoryRig()
        let (agent, connection) = try rig.connect()
        var settings = WireSettings()
        settings.vmaBudgetPercent = 33
        connection.send(settings)
        #expect(eventually { agent.locked { agent.settings?.vmaBudgetPercent == 33 } })
        connection.refuse("no more of this")
        #expect(eventually { agent.locked { agent.refusal == "no more of this" } })
        #expect(connection.isDead && connection.failure == nil)
    }
}
