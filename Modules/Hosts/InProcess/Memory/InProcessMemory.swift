import CLinuxMemory
import PageChecksum
import PageMemory
import Remap

/// The memory of this process, with its three jobs; confined to the merging thread.
///
/// Pages are read in place. Regions leave before their memory goes, so what is registered can be read.
final class InProcessMemory {
    let pageSize: Int
    let checksum: any PageChecksum
    let features: RemapFeatures
    private let hasOwnDescriptors: Bool
    var settings: InProcessSettings
    var store: FrameStore
    /// `nil` where the kernel does not permit merging.
    var remapper: Remapper?
    var budget: MapBudget
    var statistics = MemoryStatistics()
    let scratch: Scratch
    var regions: [AreaID: RegionRecord] = [:] { didSet { serveRegions() } }
    /// What catches writes to merged pages; `nil` where nothing does.
    var trap: TrapServer?
    /// How many pages lie over the frames of each segment.
    let references = FrameReferences()

    /// Opens the memory on the calling thread, which must be the only one to use it.
    ///
    /// - Parameter hasOwnDescriptors: Whether the thread's descriptors are out of the program's reach; if not, a number that the
    ///   program reuses could lead to a foreign file, and nothing is merged.
    init(checksum: any PageChecksum, settings: InProcessSettings, hasOwnDescriptors: Bool) {
        self.hasOwnDescriptors = hasOwnDescriptors
        pageSize = lm_page_size()
        self.checksum = checksum
        self.settings = settings
        scratch = Scratch(pageSize: pageSize)
        features = RemapFeatures.probe()
        store = FrameStore(pageSize: pageSize, references: references)
        budget = MapBudget(percent: settings.vmaBudgetPercent)
        remapper = features.canMerge && hasOwnDescriptors ? try? Remapper(pageSize: pageSize) : nil
        #if Mutants
            remapper?.mutants = RemapMutants(rawValue: settings.mutants)
        #endif
        budget.recount()
        startTrap()
    }

    /// One line: what is missing for merging, and what follows; `nil` when nothing is.
    var limitation: String? {
        if let missing = features.missing { return "merging is off, memory stays as it is: \(missing)" }
        if !hasOwnDescriptors {
            return "merging is off, memory stays as it is: close_range is not permitted or missing (Linux 5.9)"
        }
        if remapper == nil { return "merging is off, memory stays as it is: no memory or descriptors left at start" }
        return nil
    }

    /// Runs a step and adds its CPU time.
    func measuring<R, E: Error>(
        _ step: WritableKeyPath<StepTimes, UInt64>, _ body: () throws(E) -> R
    ) throws(E) -> R {
        let start = lm_thread_cpu_nanoseconds()
        defer { statistics.cpu[keyPath: step] += lm_thread_cpu_nanoseconds() - start }
        return try body()
    }

    /// The address of a page; `nil` when its area is gone.
    func pointer(to page: PageAddress) -> UnsafeMutableRawPointer? {
        guard let region = regions[page.area], page.index < region.pageCount else { return nil }
        return unsafe region.address(of: page.index, pageSize: pageSize)
    }
}

/// Buffers that the memory uses again and again.
@safe
final class Scratch {
    /// Runs of one scan of the page map.
    static let runCapacity = 4096
    let runs: UnsafeMutablePointer<TrackedRun>
    /// The pages of one window.
    let pages: UnsafeMutablePointer<RemapPage>
    var work: [SiteWork] = []
    /// A page of zeros.
    let zeros: UnsafeMutableRawPointer

    init(pageSize: Int) {
        unsafe zeros = .allocate(byteCount: pageSize, alignment: 64)
        unsafe runs = .allocate(capacity: Scratch.runCapacity)
        unsafe pages = .allocate(capacity: Remapper.windowCapacity)
        // SAFETY: the blocks were just allocated with these capacities.
        unsafe zeros.initializeMemory(as: UInt8.self, repeating: 0, count: pageSize)
        unsafe runs.initialize(repeating: TrackedRun(start: 0, end: 0, categories: 0), count: Scratch.runCapacity)
        unsafe pages.initialize(repeating: RemapPage(index: 0, kind: .zeros), count: Remapper.windowCapacity)
    }

    deinit {
        // SAFETY: allocated by init; both types are plain data.
        unsafe zeros.deallocate()
        unsafe runs.deallocate()
        unsafe pages.deallocate()
    }
}

/// A site of a plan on its way into a window.
struct SiteWork {
    var page: PageAddress
    /// Its place in the plan.
    var site: Int
    /// The frame to map; `nil` for zeros.
    var frame: Frame?
}
