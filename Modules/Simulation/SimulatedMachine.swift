public import Merger
public import PageMemory
public import ScanPolicy
public import SimulatedMemory

/// A machine that exists only in this process: programs with their memory, and a merger that runs over it. Deterministic:
/// time passes only where the merger works and sleeps.
///
/// Programs do what they like with ``memory``; the merger hears of it when it runs next, as ksmd does.
public final class SimulatedMachine {
    /// The memory of all programs.
    public let memory: SimulatedMemory
    private var merger: Merger
    /// Nanoseconds since the machine was started.
    public private(set) var nanoseconds: UInt64 = 0
    /// CPU time of the merger, in nanoseconds.
    public private(set) var cpuNanoseconds: UInt64 = 0
    /// What scanning a page costs, in nanoseconds of CPU time.
    public var pageCost: UInt64 = 1000
    /// The areas that the merger knows.
    private var areas: [AreaID: Area] = [:]
    /// Areas of programs that have ended, and others that are no more; the merger hears of them at its next wake-up.
    private var gone: Set<AreaID> = []

    /// Starts a machine without programs.
    ///
    /// - Parameters:
    ///   - parts: What its merger is made of.
    ///   - pageSize: Bytes in a page: a power of two, at least 16.
    ///   - tracksChanges: Whether the memory reports only changed pages to the merger.
    ///   - nodeCount: NUMA nodes, 1 to 64.
    public init(parts: MergerParts, pageSize: Int = 4096, tracksChanges: Bool = true, nodeCount: Int = 1) {
        memory = SimulatedMemory(
            pageSize: pageSize, tracksChanges: tracksChanges, nodeCount: UInt8(nodeCount), checksum: parts.checksum)
        merger = Merger(
            configuration: parts.configuration, checksum: parts.checksum, stableTree: parts.stableTree,
            unstableTree: parts.unstableTree, policy: parts.policy, pageSize: pageSize, tracksChanges: tracksChanges,
            nodeCount: nodeCount)
    }

    /// The merger's counters at this moment.
    public var counters: Counters { merger.counters }

    /// The value of an attribute.
    ///
    /// - Parameters:
    ///   - attribute: A name of either dialect.
    ///   - dialect: Which `pages_shared` is meant; that of the merger's own dialect unless told otherwise.
    /// - Throws: `AttributeError.unknown`.
    public func value(of attribute: String, in dialect: MergerDialect? = nil) throws(AttributeError) -> String {
        try merger.value(of: attribute, in: dialect)
    }

    /// The names of all attributes, in the merger's dialect.
    public var attributes: [String] { merger.attributes }

    /// Sets an attribute. `run` 2 returns when everything is unmerged.
    ///
    /// - Throws: `AttributeError`; the attribute keeps its value.
    public func set(_ attribute: String, to value: String) throws(AttributeError) {
        try merger.set(attribute, to: value)
        guard merger.isUnmerging else { return }
        tellAreas()
        settle()
    }

    /// What the merger keeps for one address space (in the kernel: `/proc/PID/ksm_stat`).
    public func figures(of space: AddressSpaceID) -> SpaceFigures { merger.figures(of: space) }

    /// What is wrong with the books of the memory and of the merger, found by counting again, and what the merger did
    /// against the memory's contract. Empty, or a mistake of theirs.
    ///
    /// - Complexity: O(n log n) in the pages that exist and the shared contents
    public func bookkeepingViolations() -> [String] {
        let (interference, tally) = (memory.interference, memory.tally)
        memory.interference = nil
        defer { (memory.interference, memory.tally) = (interference, tally) }
        return memory.violations + memory.bookkeepingViolations() + merger.bookkeepingViolations(reading: memory)
    }

    /// Lets the merger run until more full scans have ended.
    ///
    /// - Returns: How many have; fewer where the merger is stopped, has nothing to scan, or may scan nothing.
    public func scan(_ passes: UInt64 = 1) -> UInt64 {
        let first = merger.counters.fullScans
        while merger.counters.fullScans < first + passes {
            let before = merger.counters
            guard wakeUp() else { break }
            let after = merger.counters
            // Where pages_to_scan is 0 nothing would ever end.
            if after.pagesScanned == before.pagesScanned, after.pagesSkipped == before.pagesSkipped,
                after.fullScans == before.fullScans, isAtRest
            {
                break
            }
        }
        settle()
        return merger.counters.fullScans - first
    }

    /// Lets the merger work until it sleeps, and sleeps with it.
    ///
    /// - Returns: Whether it will wake by itself.
    @discardableResult
    public func wakeUp() -> Bool {
        tellAreas()
        while true {
            switch advance() {
            case nil: continue
            case .wait: return false
            case .sleep(let milliseconds):
                nanoseconds += UInt64(milliseconds) * 1_000_000
                return true
            }
        }
    }

    /// Whether a wake-up that scanned nothing means that none ever will.
    private var isAtRest: Bool { (try? merger.value(of: "pages_to_scan")) == "0" }

    private func settle() {
        while merger.hasUnfinishedBusiness { _ = advance() }
    }

    private func advance() -> MergerPause? {
        var memory = memory
        let before = merger.counters.pagesScanned
        let pause = merger.advance(
            on: &memory, time: DriverTime(nanoseconds: nanoseconds, cpuNanoseconds: cpuNanoseconds))
        let cost = (merger.counters.pagesScanned - before) * pageCost
        nanoseconds += cost
        cpuNanoseconds += cost
        return pause
    }

    /// Tells the merger of areas that have come. Those that are gone it hears of only while it runs: as in the kernel,
    /// counters stay as they are while `run` is 0.
    private func tellAreas() {
        for change in memory.takeAreaChanges() {
            switch change {
            case .added(let area): add(area)
            case .removed(let area): gone.insert(area)
            }
        }
        guard merger.run != .stop else { return }
        for area in gone.sorted() { remove(area) }
    }

    private func add(_ area: Area) {
        // The memory gives each range to one area, of a number of its own. One that was there before was observed to be
        // empty, so that no counter changes when it goes.
        for old in gone.sorted() where areas[old]?.space == area.space { remove(old) }
        do throws(AreaError) {
            try merger.add(area)
        } catch {
            preconditionFailure("\(error)")
        }
        areas[area.id] = area
    }

    private func remove(_ area: AreaID) {
        merger.remove(area)
        areas[area] = nil
        gone.remove(area)
    }
}
