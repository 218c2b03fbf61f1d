import Remap

/// What happens to pages that were merged and written since.
///
/// Such a page lies in a private file mapping, where the kernel offers no test for device I/O into pinned pages.
public enum RewrittenPages: String, Sendable, Hashable, CaseIterable {
    /// They keep memory of their own until they are discarded, unmapped or mapped anew.
    case leave
    /// Writes to merged pages are caught before they happen, and the pages get ordinary memory, where the kernel has that
    /// test: they can merge again. Where the kernel does not permit it, as ``leave``.
    case trap
}

/// The settings of merging inside one process that do not belong to the merger.
public struct InProcessSettings: Sendable, Hashable {
    /// The share of vm.max_map_count that the process may use before merging stops making map entries, in percent, 1
    /// to 90 (attribute `vma_budget_percent`).
    public var vmaBudgetPercent = MapBudget.usualPercent
    /// What happens to rewritten pages of merged runs.
    public var rewrittenPages = RewrittenPages.leave
    /// Whether memory that is left out of core dumps (MADV_DONTDUMP) is not merged: it cannot be registered.
    public var excludesDontDump = false
    #if Mutants
        /// Safety to take out, by raw value of `RemapMutants`: 1 write protection, 2 second compare, 4 page map rule, 16 trust in
        /// rewritten pages.
        public var mutants: UInt8 = 0
    #endif

    /// Takes the defaults.
    public init() {}
}
