import CLinuxMemory

/// Map entries (VMAs) are a budget: at most so many percent of vm.max_map_count, others' included, so that the
/// program's own mmap and mprotect never fail because of merging.
struct MapBudget {
    /// Percent of the system's limit.
    var percent: UInt32 = 50
    /// vm.max_map_count; 0 before it was read.
    private var systemLimit = 0
    /// Entries at the last count, and what merging added since, by the map tables.
    private var counted = 0
    private var added = 0
    private var countedAt: UInt64 = 0

    /// Entries that the process may have before merging makes no more.
    var limit: Int { systemLimit * Int(percent) / 100 }

    /// The entries of the process, as far as known.
    var inUse: Int { counted + added }

    /// Counts anew when merging has changed much since the last time, after a while because the program makes and
    /// gives back entries too, and once a second while they are short.
    mutating func refresh() {
        let age = lm_kernel_clock(Int32(LM_CLOCK_MONOTONIC)) &- countedAt
        if abs(added) > max(1024, limit / 16) || age > 10_000_000_000 || age > 1_000_000_000 && shortestRun != 1 {
            recount()
        }
    }

    /// Counts the entries of the process. What cannot be read leaves no entries for merging.
    ///
    /// - Complexity: O(n) in the entries, about half a microsecond for each.
    mutating func recount() {
        // After chroot the file may be out of reach.
        systemLimit = ProcFile.number("/proc/sys/vm/max_map_count") ?? (systemLimit > 0 ? systemLimit : 65530)
        counted = unsafe ProcFile.lines(of: kernelMap.maps) ?? systemLimit
        countedAt = lm_kernel_clock(Int32(LM_CLOCK_MONOTONIC))
        added = 0
    }

    /// The process has next to none left, merging or not.
    var isExhausted: Bool { inUse >= systemLimit - 256 }

    mutating func add(_ entries: Int) { added += entries }

    /// Entries that merging may still make.
    var entriesLeft: Int { limit - inUse }

    /// The shortest run worth a map entry now; `nil` when there are none left.
    var shortestRun: Int? { MapShare.shortestRun(entries: inUse, limit: limit) }
}
