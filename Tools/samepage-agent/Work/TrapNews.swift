import CLinuxMemory

/// What the thread that serves trapped writes has to tell the agent's thread, and the other way round.
@safe
struct TrapNews {
    /// Pages that were let go without the lock: addresses, as far as there is room.
    private var letGo = InlineArray<64, UInt>(repeating: 0)
    /// How many were; only the trap's thread counts up.
    private var letGoCount: UInt32 = 0
    /// How many have been taken.
    private var takenCount: UInt32 = 0
    /// Map entries that the thread has made. Under the lock.
    var entries = 0
    /// Writes that it has served. Under the lock.
    var writes: UInt32 = 0
    /// Map entries that it may still make. Under the lock.
    var entriesLeft = 0

    /// A page was let go, the lock not being held: on the trap's thread.
    mutating func note(_ page: UInt) {
        let count = unsafe lm_atomic_load(&letGoCount)
        letGo[Int(count & 63)] = page
        unsafe lm_atomic_store(&letGoCount, count &+ 1)
    }

    /// More pages were let go than there is room for.
    mutating func noteMany() { unsafe lm_atomic_store(&letGoCount, lm_atomic_load(&letGoCount) &+ 64) }

    /// Takes over what happened since the last time: on the agent's thread. The lock is held.
    mutating func take() {
        if entries != 0 { work.budget.add(entries) }
        entries = 0
        entriesLeft = work.budget.entriesLeft
        let count = unsafe lm_atomic_load(&letGoCount)
        guard count != takenCount else { return }
        if count &- takenCount > 32 {
            for position in 0..<ranges.count { unsafe ranges[position].raise(AgentRange.lacksTracking) }
        } else {
            for number in 0..<count &- takenCount { resume(letGo[Int((takenCount &+ number) & 63)]) }
        }
        takenCount = count
    }

    /// Writes served since the last time. The lock is held.
    mutating func takeWrites() -> UInt32 {
        defer { writes = 0 }
        return writes
    }

    /// Traps a page again that was let go.
    private func resume(_ address: UInt) {
        unsafe ranges.forEachPart(address, address + 4096) { range, first, last in
            for page in first..<last {
                let entry = unsafe range.entry(UInt32(page))
                if entry.liesOverFrame, !entry.isUnfit, unsafe range.isServed, track(address, 1) != 0 {
                    unsafe range.raise(AgentRange.lacksTracking)
                }
            }
        }
    }
}

extension UnsafeMutablePointer where Pointee == AgentRange {
    /// A page over a frame was written where it is: nothing of it can be merged any more. The lock is held.
    func noteRewritten(_ page: UInt32) {
        // SAFETY: callers keep to the range's pages.
        let entry = unsafe pointee.entries + Int(page)
        guard unsafe entry.pointee.liesOverFrame, unsafe !entry.pointee.isRewritten else { return }
        unsafe entry.pointee.becomeRewritten()
        unsafe entry.pointee.isDiscarded = true
        unsafe raise(AgentRange.hasNews)
    }

    /// Finds out which pages over frames were written while nothing trapped it: the kernel's scan does not tell of trapped
    /// pages. The lock is held.
    func findRewritten(_ pages: Range<UInt32>) {
        guard let remapper = unsafe work.remapper else { return }
        var map = InlineArray<64, UInt64>(repeating: 0)
        var first = pages.lowerBound
        while first < pages.upperBound {
            let count = min(64, pages.upperBound - first)
            // SAFETY: room for 64 pages.
            let read = unsafe withUnsafeMutableBytes(of: &map) { room in
                unsafe lm_pagemap(
                    remapper.pointee.tracker.pagemap, address(of: first), Int(count), 4096,
                    room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt64.self))
            }
            for place in 0..<Int(max(0, read)) {
                let bits = map[place]
                guard bits & LM_PAGEMAP_PRESENT != 0, bits & LM_PAGEMAP_FILE == 0 else { continue }
                unsafe noteRewritten(first + UInt32(place))
            }
            first += count
        }
    }
}
