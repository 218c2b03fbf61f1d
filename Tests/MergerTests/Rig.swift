import Merger
import PageChecksum
import PageMemory
import SimulatedMemory
import Testing

/// A merger on simulated memory, with the words that the tests are written in.
final class Rig {
    var merger: Merger
    let memory: SimulatedMemory
    let variant: Variant
    /// The time, in milliseconds.
    var clock: UInt64 = 1_000_000
    /// How much later it is each time the merger is told the time.
    var clockStep: UInt64 = 0
    let witness = Witness()

    init(_ variant: Variant = Variant()) {
        self.variant = variant
        merger = variant.makeMerger()
        memory = SimulatedMemory(
            pageSize: variant.pageSize, tracksChanges: variant.tracksChanges, checksum: variant.makeChecksum())
        witness.rig = self
        witness.require(age: variant.minimumAge, sharers: variant.minimumSharers)
    }

    /// The memory, watched.
    private var watched: WatchedMemory { WatchedMemory(memory: memory, witness: witness) }

    func tellTime() -> DriverTime {
        clock += clockStep
        return DriverTime(nanoseconds: clock * 1_000_000, cpuNanoseconds: 0)
    }

    func next() -> MergerRequest { merger.next(time: tellTime()) }

    /// Registers an area with memory and merger; each space has room for 16 areas of 4096 pages.
    func add(_ area: UInt32, space: UInt32 = 1, pages: UInt32 = 64) throws {
        let area = Area(
            id: AreaID(rawValue: area), space: AddressSpaceID(rawValue: space), firstPage: UInt64(area % 16) * 4096,
            pageCount: pages)
        memory.register(area)
        try merger.add(area)
    }

    /// The area is unmapped, and the merger hears of it.
    func unmap(_ area: UInt32) {
        memory.unmap(AreaID(rawValue: area))
        merger.remove(AreaID(rawValue: area))
    }

    func page(_ area: UInt32, _ index: Int) -> PageAddress {
        PageAddress(area: AreaID(rawValue: area), index: UInt32(index))
    }

    func bytes(_ character: Character, last: Character? = nil) -> [UInt8] {
        var bytes = [UInt8](repeating: character.asciiValue!, count: memory.pageSize)
        if let last { bytes[memory.pageSize - 1] = last.asciiValue! }
        return bytes
    }

    func fill(_ area: UInt32, _ pages: Range<Int>, _ character: Character) {
        for index in pages { memory.write(bytes(character), to: page(area, index)) }
    }

    func fillZeros(_ area: UInt32, _ pages: Range<Int>) {
        for index in pages { memory.write([UInt8](repeating: 0, count: memory.pageSize), to: page(area, index)) }
    }

    func expectFilled(
        _ area: UInt32, _ pages: Range<Int>, _ character: Character,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for index in pages {
            #expect(memory.read(page(area, index)) == bytes(character), sourceLocation: sourceLocation)
        }
    }

    var counters: Counters { merger.counters }

    func value(_ attribute: String) throws -> String { try merger.value(of: attribute) }

    func set(_ attribute: String, to value: String) throws { try merger.set(attribute, to: value) }

    func contains(_ area: AreaID) -> Bool { merger.contains(area) }

    func takeUnmergeFailures() -> Int { merger.takeUnmergeFailures() }

    // The memory is handed over as a copy of the reference: hooks use it while the merger does.

    func scan(_ passes: UInt64 = 1) {
        var memory = watched
        merger.scan(passes: passes, on: &memory, time: tellTime)
    }

    func settle() {
        var memory = watched
        merger.settle(on: &memory)
    }

    @discardableResult
    func advance() -> MergerPause? {
        var memory = watched
        return merger.advance(on: &memory, time: tellTime())
    }

    /// Pages shared and sharing, volatile and unshared, in the order of the reference's tables.
    func expect(
        _ shared: Int, _ sharing: Int, volatile: Int = 0, unshared: Int = 0, zeros: Int = 0,
        _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let counters = merger.counters
        #expect(
            [counters.pagesShared, counters.pagesSharing, counters.pagesVolatile, counters.pagesUnshared]
                == [shared, sharing, volatile, unshared], comment, sourceLocation: sourceLocation)
        #expect(counters.zeroPages == zeros, comment, sourceLocation: sourceLocation)
        expectSound(sourceLocation: sourceLocation)
    }

    /// Whether the memory has nothing to complain about, and has as many frames and merged pages as the merger says.
    func expectSound(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(memory.violations == [], sourceLocation: sourceLocation)
        let census = memory.census()
        #expect(census.frames == counters.pagesShared, sourceLocation: sourceLocation)
    }

    /// Everything is unmapped; no frame may be left.
    func expectNothingLeft(sourceLocation: SourceLocation = #_sourceLocation) {
        for area in memory.registeredAreas { unmap(area.id.rawValue) }
        settle()
        #expect(memory.census() == SimulatedCensus(), sourceLocation: sourceLocation)
        #expect(memory.violations == [], sourceLocation: sourceLocation)
        #expect(counters.items == 0 && counters.pagesShared == 0, sourceLocation: sourceLocation)
    }
}

/// A request that was fetched and waits for its answer.
extension Rig {
    /// Carries out a request and gives the answer.
    func answer(_ request: MergerRequest) {
        let memory = watched
        switch request {
        case .observe(let area, let pages):
            var runs: [ObservedRun] = []
            do {
                try memory.observe(area, pages: pages, into: &runs)
                merger.observed(runs)
            } catch {
                merger.observationFailed()
            }
        case .takeChecksums(let pages):
            var digests: [PageDigest?] = []
            memory.takeChecksums(of: pages, with: merger.checksum, into: &digests)
            merger.checksumsTaken(digests)
        case .match: merger.match(with: memory)
        case .merge(let plan):
            var outcome = MergeOutcome()
            memory.merge(plan, into: &outcome)
            merger.merged(outcome)
        case .unmerge(let pages):
            var outcomes: [SiteOutcome] = []
            memory.unmerge(pages, into: &outcomes)
            merger.unmerged(outcomes)
        case .release(let rows): memory.release(rows)
        case .forgetObservations(let area): memory.forgetObservations(of: area)
        case .sleep, .wait: break
        }
    }
}
