import CLinuxMemory

/// Map entries (VMAs) are a budget: at most so many percent of vm.max_map_count, others' included, so that the program's own
/// mmap and mprotect never fail because of merging.
struct MapBudget {
    /// Entries that the process may have before merging makes no more.
    private(set) var limit = 0
    /// Entries at the last count, and what merging added since, by the map tables.
    private var counted = 0
    private var added = 0
    private var countedAt: UInt64 = 0
    private let systemLimit = ProcessMaps.limit()

    init(percent: UInt32) {
        setPercent(percent)
        recount()
    }

    mutating func setPercent(_ percent: UInt32) { limit = systemLimit * Int(percent) / 100 }

    /// The entries of the process, as far as known.
    var inUse: Int { counted + added }

    /// Counts anew when merging has changed much since the last time, and once a second while entries are short: the
    /// program may have given back some of its own.
    mutating func refresh() {
        let isOld = lm_monotonic_nanoseconds() - countedAt > 1_000_000_000
        if abs(added) > max(1024, limit / 16) || isOld && shortestRun != 1 { recount() }
    }

    mutating func recount() {
        counted = ProcessMaps.count()
        countedAt = lm_monotonic_nanoseconds()
        added = 0
    }

    mutating func add(_ entries: Int) { added += entries }

    /// Entries that merging may still make.
    var entriesLeft: Int { limit - inUse - 2 }

    /// The shortest run worth a map entry now: long runs first, so the fewer entries are left the longer it must be.
    /// A run adds at most two entries; `nil` when there are none left.
    var shortestRun: Int? {
        let free = entriesLeft
        guard free > 0 else { return nil }
        switch free * 16 / max(1, limit) {
        case 8...: return 1
        case 4...7: return 2
        case 2...3: return 4
        case 1: return 8
        default: return 16
        }
    }
}
