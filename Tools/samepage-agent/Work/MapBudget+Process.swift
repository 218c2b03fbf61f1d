import CLinuxMemory

/// The budget of this process.
extension MapBudget {
    /// Counts the entries again if that is due.
    mutating func refresh() {
        if isOld(at: lm_kernel_clock(Int32(LM_CLOCK_MONOTONIC))) { recount() }
    }

    /// The same before pages merge: gives shorter runs their turn if it is time.
    mutating func prepare() {
        refresh()
        ease(at: lm_kernel_clock(Int32(LM_CLOCK_MONOTONIC)))
    }

    /// Counts the entries of the process. What cannot be read leaves none for merging.
    ///
    /// - Complexity: O(n) in the entries, about half a microsecond for each.
    mutating func recount() {
        // After chroot the file may be out of reach.
        let limit = ProcFile.number("/proc/sys/vm/max_map_count") ?? (systemLimit > 0 ? systemLimit : 65530)
        unsafe count(
            ProcFile.lines(of: kernelMap.maps) ?? limit, of: limit, at: lm_kernel_clock(Int32(LM_CLOCK_MONOTONIC)))
    }
}
