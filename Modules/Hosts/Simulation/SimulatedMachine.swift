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
    /// Nanoseconds since the machine was started. The clock stops after 584 years.
    public private(set) var nanoseconds: UInt64 = 0
    /// CPU time of the merger, in nanoseconds.
    public private(set) var cpuNanoseconds: UInt64 = 0
    /// What scanning a page costs, in nanoseconds of CPU time.
    public var pageCost: UInt64 = 1000
    /// What has become of areas, and the merger has not heard of yet.
    private var areaChanges: [AreaChange] = []

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
    /// - Returns: How many pages could not be unmerged for want of memory (the kernel's answer is ENOMEM then); they stay
    ///   merged, and `run` is 0.
    /// - Throws: `AttributeError`; the attribute keeps its value.
    @discardableResult
    public func set(_ attribute: String, to value: String) throws(AttributeError) -> Int {
        try merger.set(attribute, to: value)
        guard merger.isUnmerging else { return 0 }
        tellAreas()
        settle()
        return merger.takeUnmergeFailures()
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
        while merger.counters.fullScans - first < passes {
            let before = merger.counters
            guard wakeUp() else { break }
            let after = merger.counters
            // A wake-up uses up its pages or ends the scan; where it does neither, as with pages_to_scan 0, no other will.
            if after.pagesScanned == before.pagesScanned, after.pagesSkipped == before.pagesSkipped,
                after.fullScans == before.fullScans
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
                pass(UInt64(milliseconds) * 1_000_000)
                return true
            }
        }
    }

    private func settle() {
        while merger.hasUnfinishedBusiness { _ = advance() }
    }

    private func advance() -> MergerPause? {
        var memory = memory
        let before = merger.counters.pagesScanned
        let pause = merger.advance(
            on: &memory, time: DriverTime(nanoseconds: nanoseconds, cpuNanoseconds: cpuNanoseconds))
        let product = (merger.counters.pagesScanned - before).multipliedReportingOverflow(by: pageCost)
        let cost = product.overflow ? .max : product.partialValue
        pass(cost)
        cpuNanoseconds += min(cost, .max - cpuNanoseconds)
        return pause
    }

    private func pass(_ time: UInt64) { nanoseconds += min(time, .max - nanoseconds) }

    /// Tells the merger what has become of areas, but only while it runs: as in the kernel, counters stay as they are
    /// while `run` is 0.
    private func tellAreas() {
        areaChanges += memory.takeAreaChanges()
        guard merger.run != .stop else { return }
        for change in areaChanges {
            switch change {
            case .added(let area):
                do throws(AreaError) {
                    try merger.add(area)
                } catch {
                    // The memory gives each range to one area, of a number of its own.
                    preconditionFailure("\(error)")
                }
            case .removed(let area):
                merger.remove(area)
                // Its pages may be those of an area that follows.
                if merger.contains(area) { settle() }
            }
        }
        areaChanges.removeAll()
    }
}
