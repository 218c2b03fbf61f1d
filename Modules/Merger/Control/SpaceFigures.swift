public import PageMemory

/// What a merger keeps for one address space, by the names of the kernel's `/proc/PID/ksm_stat`.
public struct SpaceFigures: Sendable, Hashable {
    /// Pages that an item is kept for (`ksm_rmap_items`).
    public var rmapItems = 0
    /// Pages of zeros that were given back (`ksm_zero_pages`).
    public var zeroPages = 0
    /// Pages that map a frame, the first of each content included (`ksm_merging_pages`).
    public var mergingPages = 0
    /// Memory gained, in bytes: merged pages and pages of zeros, less the merger's state for the items
    /// (`ksm_process_profit`). May be negative.
    public var profit = 0

    /// Takes zeros.
    public init() {}
}

extension Merger {
    /// What is kept for an address space; zeros for one that is not known.
    ///
    /// - Complexity: O(n) in the pages of its areas.
    public func figures(of space: AddressSpaceID) -> SpaceFigures {
        var figures = SpaceFigures()
        for record in spaces.order where record.id == space {
            for slot in record.slots {
                guard let census = census(of: spaces.areas[Int(slot)]!.area.id) else { continue }
                figures.rmapItems += census.items
                figures.zeroPages += census.zeroed
                figures.mergingPages += census.merged
            }
        }
        figures.profit =
            (figures.mergingPages + figures.zeroPages) * pageSize - figures.rmapItems * bytesPerItem
        return figures
    }
}
