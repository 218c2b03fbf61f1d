import Daemon
import Merger
import Testing
import Wire

/// Random programs under the merger: what they read is what they wrote, whatever else happens, and when all is quiet
/// the counters are those of a recount.
@Suite("Daemon memory: random programs")
struct MemoryRandomTests {
    /// What a program has written: seeds by area and page; `nil` for pages that hold nothing.
    private struct Model {
        var agent: FakeAgent
        var areas: [UInt32: [UInt64?]] = [:]
        var nextArea: UInt32 = 1
    }

    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
            return word ^ word >> 31
        }
    }

    @Test("no byte changes, the counters are true, and no frame is left over", arguments: 1...8 as ClosedRange<UInt64>)
    func walk(seed: UInt64) throws {
        var random = Random(state: seed)
        let rig = try MemoryRig(rowLength: seed % 3 == 0 ? 1 : 64, trustsDigests: seed % 4 != 0)
        var models: [Model] = []
        for _ in 0..<60 {
            step(rig, &models, &random)
            verify(models)
        }
        for _ in 0..<40 { rig.scan() }
        verify(models)
        recount(rig, models)
        for model in models { model.agent.stop() }
        #expect(
            eventually {
                rig.hear(); return rig.memory.statistics.segments == 0
            })
        #expect(rig.memory.statistics.storedBytes == 0 && rig.memory.statistics.framesHeld == 0)
        #expect(rig.counters.pagesShared == 0)
    }

    private func step(_ rig: MemoryRig, _ models: inout [Model], _ random: inout Random) {
        let choice = Int.random(in: 0..<20, using: &random)
        if models.isEmpty || choice == 0 && models.count < 4 {
            guard let (agent, _) = try? rig.connect() else { return }
            models.append(Model(agent: agent))
        }
        let place = Int.random(in: models.indices, using: &random)
        switch choice {
        case 0..<3:
            let seeds = (0..<Int.random(in: 1...90, using: &random)).map { _ in Self.seed(&random) }
            models[place].agent.add(models[place].nextArea, seeds: seeds)
            models[place].areas[models[place].nextArea] = seeds
            models[place].nextArea += 1
        case 3:
            guard let area = models[place].areas.keys.min() else { return }
            models[place].agent.remove(area)
            models[place].areas[area] = nil
        case 4 where models.count > 2:
            models.remove(at: place).agent.stop()
        case 5..<11:
            for (area, seeds) in models[place].areas.sorted(by: { $0.key < $1.key }) {
                for index in seeds.indices where UInt8.random(in: 0..<6, using: &random) == 0 {
                    let seed = Self.seed(&random)
                    models[place].areas[area]![index] = seed
                    if let seed {
                        models[place].agent.write(area, index, seed: seed)
                    } else {
                        models[place].agent.discard(area, index)
                    }
                }
            }
        default: rig.scan()
        }
    }

    /// Few contents, so that many are equal; some zeros, some holes.
    private static func seed(_ random: inout Random) -> UInt64? {
        let seed = UInt64.random(in: 0..<14, using: &random)
        return seed == 13 ? nil : seed < 6 ? 1 : seed - 6
    }

    private func verify(_ models: [Model]) {
        for model in models {
            for (area, seeds) in model.areas {
                for (index, seed) in seeds.enumerated() where model.agent.read(area, index) != content(seed ?? 0) {
                    Issue.record("page \(index) of area \(area) is not what was written")
                }
            }
        }
    }

    private func recount(_ rig: MemoryRig, _ models: [Model]) {
        var frames: Set<UInt32> = []
        var pages = 0
        var zeros = 0
        for model in models {
            for area in model.areas.keys {
                for frame in model.agent.frames(area).compactMap(\.self) {
                    frames.insert(frame)
                    pages += 1
                }
                zeros += model.areas[area]!.count { $0 == 0 }
            }
        }
        // A row may have frames that no page maps: they count too.
        #expect(rig.counters.pagesShared >= frames.count)
        #expect(rig.counters.pagesSaved == pages - rig.counters.pagesShared)
        #expect(rig.counters.pagesShared == rig.memory.statistics.framesInUse)
        #expect(rig.counters.zeroPages == zeros)
        // Whatever has a twin is merged; a page whose twins have left may keep its frame.
        let seeds = models.flatMap { $0.areas.values.joined() }.compactMap(\.self).filter { $0 != 0 }
        let twins = Dictionary(grouping: seeds) { $0 }.values.filter { $0.count > 1 }
        #expect(pages >= twins.reduce(0) { $0 + $1.count })
    }
}
