internal import CLinuxMemory

extension Remapper {
    /// Step 2: pages that differ from their frames are out. Writers wait; nothing is missing yet, so that reading a
    /// hole cannot make this thread wait for itself.
    mutating func compareInPlace(_ batch: inout Batch) {
        // SAFETY: the buffer has room for a window.
        guard unsafe readMap(batch.base, batch.pageCount, into: scratch.windowMap, &batch.report) else {
            return batch.decideAll(.equal, .failed)
        }
        for position in 0..<batch.count where batch.state(position) == .equal {
            // SAFETY: places are below the size of the window.
            let entry = unsafe scratch.windowMap[batch.place(position)]
            if batch.moves(position) {
                if entry & (LM_PAGEMAP_PRESENT | LM_PAGEMAP_SWAPPED) == 0 {
                    batch.decide(position, .gone)
                    continue
                }
                if entry & LM_PAGEMAP_PRESENT != 0, entry & LM_PAGEMAP_FILE != 0 {
                    batch.decide(position, .failed)
                    continue
                }
            } else if !isIntact(entry) {
                // A page that still is its frame can have no pin to write through: that would have broken the sharing.
                batch.decide(position, .busy)
                continue
            }
            #if Mutants
                if mutants.contains(.noFirstCompare) { continue }
            #endif
            if !isEqual(&batch, position, at: batch.address(position)) { batch.decide(position, .changed) }
        }
    }

    /// Step 5: only what is equal now will be mapped, the others go back.
    mutating func compareAgain(_ batch: inout Batch) {
        #if Mutants
            if mutants.contains(.noSecondCompare) {
                for position in 0..<batch.count where batch.state(position) != .decided { batch.set(position, .ready) }
                return
            }
        #endif
        var differ = false
        for position in 0..<batch.count {
            switch batch.state(position) {
            case .moved:
                if isEqual(&batch, position, at: batch.stageAddress(position)) {
                    batch.set(position, .ready)
                } else {
                    differ = true
                }
            case .equal:
                if isEqual(&batch, position, at: batch.address(position)) {
                    batch.set(position, .ready)
                } else {
                    batch.decide(position, .changed)
                }
            case .decided, .ready: break
            }
        }
        if differ { moveBack(&batch, from: 0, standing: .moved, outcome: .changed) }
    }

    /// Whether the bytes at an address are those of the page's frame, or zeros where it wants none.
    private func isEqual(_ batch: inout Batch, _ position: Int, at address: UInt) -> Bool {
        batch.report.bytesCompared &+= UInt64(pageSize)
        let page = batch[position]
        // SAFETY: a page of the window or of the staging area that was found to hold something, or reads as a frame;
        // the frame is a page in the caller's own mapping.
        let bytes = unsafe UnsafeRawPointer(bitPattern: address).unsafelyUnwrapped
        switch page.kind {
        case .zeros, .sharedZeros: return unsafe lm_is_zero(bytes, pageSize) != 0
        case .frame, .shared:
            guard let frame = unsafe page.frame else { return false }
            return unsafe lm_compare(bytes, frame, pageSize) == 0
        }
    }

    /// Whether a page of a merged run still is its frame. No guess: only what the kernel says of it while nobody can write.
    private func isIntact(_ entry: UInt64) -> Bool {
        #if Mutants
            if mutants.contains(.trustsRewritten) { return true }
        #endif
        return entry & LM_PAGEMAP_PRESENT != 0 && entry & LM_PAGEMAP_FILE != 0
    }

    /// Reads the page map, with patience where the kernel wants memory; `false` if it cannot be read at all.
    func readMap(
        _ address: UInt, _ count: Int, into entries: UnsafeMutablePointer<UInt64>, _ report: inout RemapReport
    ) -> Bool {
        for _ in 0..<1000 {
            report.systemCalls &+= 1
            // SAFETY: the caller's buffer has room for `count` entries.
            let read = unsafe lm_pagemap(tracker.pagemap, address, count, pageSize, entries)
            if read == count { return true }
            if read < 0 { report.error = Int32(-read) }
            lm_yield()
        }
        return false
    }
}
