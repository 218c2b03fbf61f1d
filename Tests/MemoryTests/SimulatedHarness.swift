import Conformance
import PageChecksum
import PageMemory
import SimulatedMemory

/// The program's side of a simulated memory; the memory under test may be a layer on top of it.
struct SimulatedHarness<Memory: MergeableMemory>: MemoryHarness {
    var memory: Memory
    let simulation: SimulatedMemory
    private var nextArea: UInt32 = 1

    init(_ simulation: SimulatedMemory, memory: Memory) {
        self.simulation = simulation
        self.memory = memory
    }

    mutating func makeArea(pages: UInt32) throws -> AreaID {
        let id = AreaID(rawValue: nextArea)
        // Neither at the start of a chunk nor of a space.
        simulation.register(
            Area(
                id: id, space: AddressSpaceID(rawValue: nextArea % 3), firstPage: UInt64(nextArea) * 1000 + 61,
                pageCount: pages))
        nextArea += 1
        return id
    }

    func write(_ bytes: [UInt8], to page: PageAddress) { simulation.write(bytes, to: page) }

    func read(_ page: PageAddress) -> [UInt8] { simulation.read(page) }

    func discard(_ page: PageAddress) { simulation.discard(page) }

    func dropArea(_ area: AreaID) { simulation.unmap(area) }
}

extension SimulatedHarness where Memory == SimulatedMemory {
    init(_ simulation: SimulatedMemory) { self.init(simulation, memory: simulation) }
}
