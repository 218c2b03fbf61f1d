import CLinuxMemory
import Remap

/// The budget of this process.
extension MapBudget {
    /// Counts the entries again if that is due, and gives shorter runs their turn.
    mutating func refresh() {
        let now = lm_monotonic_nanoseconds()
        if isOld(at: now) { recount() } else { ease(at: now) }
    }

    /// Counts the entries of the process.
    ///
    /// - Complexity: O(n) in the entries, about half a microsecond for each.
    mutating func recount() { count(ProcessMaps.count(), of: ProcessMaps.limit(), at: lm_monotonic_nanoseconds()) }
}
