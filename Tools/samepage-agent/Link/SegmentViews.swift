import CLinuxMemory

/// Places of the agent's memory at which segments are mapped, to be read: those that were needed last.
struct SegmentViews {
    /// Places there are: frames of 1 GiB in view at a time.
    static var count: Int { 16 }

    /// The number of the segment at each place, plus 1; 0 for none.
    private var holders = InlineArray<16, UInt32>(repeating: 0)
    /// The window that needed each place last.
    private var needed = InlineArray<16, UInt32>(repeating: 0)
    private var window: UInt32 = 1

    /// A window of pages begins to be merged: what is viewed for it stays until the next.
    mutating func beginWindow() {
        window &+= 1
        guard window == 0 else { return }
        for place in 0..<SegmentViews.count { needed[place] = 0 }
        window = 1
    }

    /// The address of a place.
    func address(of place: Int) -> UInt { agentMemory.address(of: .views) + UInt(place * SegmentTable.size) }

    private func place(of address: UInt) -> Int {
        Int(address - agentMemory.address(of: .views)) / SegmentTable.size
    }

    /// The segment at an address is needed by this window.
    mutating func touch(_ address: UInt) { needed[place(of: address)] = window }

    /// A free place, or that which has not been needed for the longest time; `nil` when this window needs all.
    func place() -> Int? {
        var best = 0
        for place in 0..<SegmentViews.count {
            if holders[place] == 0 { return place }
            if needed[place] < needed[best] { best = place }
        }
        return needed[best] < window ? best : nil
    }

    /// The segment at a place.
    func holder(of place: Int) -> UInt32? { holders[place] == 0 ? nil : holders[place] - 1 }

    /// Maps a segment at a place, over whatever is there.
    mutating func map(_ place: Int, _ number: UInt32, _ descriptor: Int32) -> Bool {
        let flags = Int32(LM_MAP_SHARED | LM_MAP_NORESERVE | LM_MAP_FIXED)
        let mapped = lm_mmap(address(of: place), SegmentTable.size, Int32(LM_PROT_READ), flags, descriptor, 0)
        guard lm_is_error(mapped) == 0 else {
            clear(address(of: place))
            return false
        }
        holders[place] = number + 1
        needed[place] = window
        return true
    }

    /// Takes what is at an address out of view.
    mutating func clear(_ address: UInt) {
        agentMemory.clear(address, SegmentTable.size)
        holders[place(of: address)] = 0
    }
}
