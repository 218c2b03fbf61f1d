import CLinuxMemory
import Daemon
import Glibc
import Merger
import PageChecksum
import PageMemory
import Synchronization
import Testing
import Wire

@Suite("Daemon memory: connections, domains and segments")
struct MemoryDomainTests {
    @Test("frames of one domain never reach a client of another")
    func domains() throws {
        let rigs = [try MemoryRig(), try MemoryRig()]
        let seeds: [UInt64?] = (1...50).map { $0 }
        let agents = try rigs.map { rig in [try rig.client(seeds), try rig.client(seeds)] }
        for _ in 0..<4 { for rig in rigs { rig.scan() } }
        for rig in rigs { #expect(rig.counters.pagesSharing == 50) }
        let files = agents.map { Set($0.flatMap { agent in agent.locked { agent.files } }) }
        #expect(files[0].count == 1 && files[1].count == 1)
        #expect(files[0].isDisjoint(with: files[1]))
        let stores = agents.map { pair in pair[0].locked { pair[0].welcome!.storeLow } }
        #expect(stores[0] != stores[1])
    }

    @Test("an area of another domain's client is refused at once")
    func foreignArea() async {
        await #expect(processExitsWith: .failure) {
            let (first, second) = (try MemoryRig(), try MemoryRig())
            let (_, connection) = try first.connect()
            second.memory.add(AreaID(rawValue: 1), on: connection, wire: 1, pageCount: 1)
        }
    }

    @Test("all clients are asked before the first answer is awaited")
    func pipelining() throws {
        let rig = try MemoryRig()
        let seeds: [UInt64?] = (1...100).map { $0 }
        let agents = try (0..<2).map { _ in try rig.client(seeds) }
        let asked = Counter()
        for agent in agents {
            agent.misbehave { _, kind, _ in
                guard kind == .merge else { return .send }
                asked.add()
                // Nobody answers before all were asked.
                _ = eventually { asked.value == 2 }
                return .send
            }
        }
        rig.scan(3)
        #expect(rig.counters.pagesSharing == 100)
        #expect(rig.clients.allSatisfy { !$0.connection.isDead })
    }

    @Test("frames that all areas have left go with their segment, once every client has let it go")
    func leaving() throws {
        let rig = try MemoryRig()
        let seeds: [UInt64?] = (1...80).map { $0 }
        let agents = [try rig.client(seeds), try rig.client(seeds)]
        rig.scan(3)
        #expect(rig.memory.statistics.storedBytes == 80 * pageSize)
        agents[0].remove(1)
        #expect(
            eventually {
                rig.hear(); return rig.counters.pagesSharing == 0
            })
        #expect(rig.memory.statistics.framesInUse == 80)
        agents[1].remove(1)
        #expect(
            eventually {
                rig.hear(); return rig.memory.statistics.framesInUse == 0
            })
        #expect(eventually { rig.memory.statistics.segments == 0 })
        #expect(rig.memory.statistics.storedBytes == 0)
        for agent in agents { #expect(agent.locked { agent.segments.isEmpty }) }
    }

    @Test("copies that are not used any more are given back; a client's buffer, which it can lock, is left alone")
    func trimming() throws {
        let rig = try MemoryRig()
        let agents = [try rig.client([1, 2]), try rig.client([1, 2])]
        #expect(!rig.memory.needsMaintenance)
        rig.scan(3)
        #expect(rig.memory.needsMaintenance)
        let isEmpty = { agents[0].locked { unsafe agents[0].upload!.load(as: UInt64.self) } == 0 }
        rig.memory.maintain(nanoseconds: 0)
        #expect(!isEmpty())
        rig.memory.maintain(nanoseconds: 0)
        #expect(!isEmpty())
        #expect(!rig.memory.needsMaintenance)
    }

    @Test("a client that is gone without a word holds its frames until its mappings end")
    func gone() throws {
        let rig = try MemoryRig()
        let seeds: [UInt64?] = (1...80).map { $0 }
        let agents = [try rig.client(seeds), try rig.client(seeds)]
        rig.scan(3)
        for agent in agents { agent.locked { agent.leave() } }
        #expect(
            eventually {
                rig.hear(); return rig.memory.statistics.framesInUse == 0
            })
        #expect(rig.memory.statistics.framesHeld == 80)
        #expect(rig.memory.statistics.storedBytes == 80 * pageSize)
        #expect(rig.memory.needsMaintenance)
        for index in 0..<80 { #expect(agents[0].read(1, index) == content(UInt64(index + 1))) }
        agents[0].stop()
        #expect(rig.memory.statistics.segments == 1)
        agents[1].stop()
        // Programs that other tests start hold all descriptors until they are programs.
        #expect(eventually { rig.memory.statistics.segments == 0 })
    }

    @Test("rewritten pages are taken off a segment that they hold alone")
    func evacuation() throws {
        let rig = try MemoryRig()
        let agents = [try rig.client([1, 2, 3]), try rig.client([1, 2, 3])]
        rig.scan(3)
        for agent in agents {
            for index in 0..<3 {
                agent.write(1, index, seed: 100 + UInt64(index) + UInt64(agent === agents[0] ? 0 : 50))
            }
        }
        rig.scan()
        #expect(rig.memory.statistics.framesInUse == 0)
        #expect(rig.memory.needsMaintenance)
        let now = lm_monotonic_nanoseconds()
        rig.memory.maintain(nanoseconds: now)
        #expect(agents[0].locked { agents[0].received[.evacuate] } == nil)
        rig.memory.maintain(nanoseconds: now + 4_000_000_000)
        #expect(eventually { rig.memory.statistics.segments == 0 })
        #expect(agents[0].locked { agents[0].received[.evacuate] } == 1)
        #expect(agents[0].read(1, 2) == content(102))
        #expect(agents[1].read(1, 2) == content(152))
    }

    @Test("a client is asked to leave a segment once a minute at most")
    func evacuationIsRare() throws {
        let rig = try MemoryRig()
        let agents = [try rig.client([1, 2]), try rig.client([1, 2])]
        rig.scan(3)
        // Mappings of its own keep the segment.
        let file = agents[0].locked { agents[0].segments[0]!.descriptor }
        let mapped = unsafe mmap(nil, pageSize, PROT_READ, MAP_PRIVATE, file, 0)!
        for agent in agents { agent.remove(1) }
        #expect(
            eventually {
                rig.hear(); return rig.memory.statistics.framesInUse == 0
            })
        let now = lm_monotonic_nanoseconds()
        for second in 0..<130 { rig.memory.maintain(nanoseconds: now + UInt64(second) * 1_000_000_000) }
        #expect(agents[0].locked { agents[0].received[.evacuate] } == 3)
        unsafe munmap(mapped, pageSize)
        #expect(rig.memory.statistics.segments == 0)
    }

    /// A checksum that agents do not know: 32 bits, of the first words of a page.
    struct OwnChecksum: PageChecksum {
        var name: String { "own" }
        var bits: Int { 32 }
        func digest(of page: RawSpan) -> PageDigest {
            PageDigest(UInt64(unsafe page.unsafeLoad(fromByteOffset: 8, as: UInt32.self)))
        }
    }

    @Test(
        "any checksum and tree will do: the daemon reads what it must", arguments: ["hash-table", "red-black-content"])
    func otherStrategies(trees: String) throws {
        let rig = try MemoryRig(checksum: OwnChecksum(), trees: trees, trustsDigests: false)
        #expect(rig.memory.wireChecksum == .daemon)
        let seeds: [UInt64?] = (1...300).map { $0 }
        let agents = [try rig.client(seeds), try rig.client(seeds.reversed())]
        rig.scan(4)
        #expect(rig.counters.pagesSharing == 300)
        for index in 0..<300 {
            #expect(agents[0].read(1, index) == content(UInt64(index + 1)))
            #expect(agents[1].read(1, index) == content(UInt64(300 - index)))
        }
        #expect(rig.memory.statistics.comparisonsRead > 0)
    }

    /// A checksum by which all pages look alike.
    struct SameChecksum: PageChecksum {
        var name: String { "same" }
        var bits: Int { 128 }
        func digest(of page: RawSpan) -> PageDigest { PageDigest(high: 1, low: 1) }
    }

    @Test("contents made to look alike are told apart after the first failure, and merge with their own kind")
    func collisions() throws {
        let rig = try MemoryRig(checksum: SameChecksum())
        let seeds: [UInt64?] = [1, 2, 3, 4, 1, 2, 3, 4]
        let agents = [try rig.client(seeds), try rig.client(seeds)]
        rig.scan(20)
        for agent in agents {
            for index in 0..<8 { #expect(agent.read(1, index) == content(UInt64(index % 4 + 1))) }
        }
        #expect(rig.counters.pagesShared == 4)
        #expect(rig.counters.pagesSharing == 12)
    }
}

/// A number that threads share.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    func add() { count.add(1, ordering: .relaxed) }
    var value: Int { count.load(ordering: .relaxed) }
}
