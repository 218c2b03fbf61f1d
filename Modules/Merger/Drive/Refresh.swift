public import PageMemory

extension Merger {
    /// Whether nothing is scanned until an attribute changes: `run` is not 1, or the policy allows no pages.
    public var scansNothing: Bool { configuration.run != .run || window.isAwake == false && window.granted == 0 }

    /// Lets the counters follow what programs did while nothing is scanned: every area of which something is merged is
    /// observed, and what was written or given back since is merged no more. Nothing is scanned by that.
    ///
    /// Does nothing in the dialect of 2009, whose counters wait for the next scan, and in the middle of a batch.
    public mutating func refresh(on memory: inout some MergeableMemory) {
        guard stage == .resting, !batch.isUnderWay, batch.fresh.isEmpty, batch.candidates.isEmpty,
            configuration.dialect == .linux, table.count(.stable) + table.count(.zeroed) > 0
        else { return }
        let before = window
        defer { window = before }
        ages.observed = ages.roundedDown
        for slot in spaces.slots where hasMerged(slot: slot) {
            guard let area = spaces.areas[Int(slot)]?.area else { continue }
            window.slot = slot
            window.next = 0
            window.end = area.pageCount
            // An area that cannot be observed now keeps its counts until it can.
            guard (try? memory.observe(area.id, pages: 0..<area.pageCount, into: &observations)) != nil else {
                continue
            }
            stage = .observing
            observed(observations)
        }
    }

    private func hasMerged(slot: UInt32) -> Bool {
        spaces.areas[Int(slot)]!.chunks.contains { chunk in
            chunk != PageTable.noChunk
                && (chunk << 6..<(chunk + 1) << 6).contains { page in
                    let state = table.link(page).state
                    return state == .stable || state == .zeroed
                }
        }
    }
}
