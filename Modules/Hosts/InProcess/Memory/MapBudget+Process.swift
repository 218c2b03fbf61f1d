import CLinuxMemory
import Remap

/// The budget of this process.
extension MapBudget {
    /// Counts the entries again if that is due.
    mutating func refresh() {
        if isOld(at: lm_monotonic_nanoseconds()) { recount() }
    }

    /// The same before pages merge: gives shorter runs their turn if it is time.
    mutating func prepare() {
        refresh()
        ease(at: lm_monotonic_nanoseconds())
    }

    /// Counts the entries of the process.
    ///
    /// - Complexity: O(n) in the entries, about half a microsecond for each.
    mutating func recount() { count(ProcessMaps.count(), of: ProcessMaps.limit(), at: lm_monotonic_nanoseconds()) }
}
