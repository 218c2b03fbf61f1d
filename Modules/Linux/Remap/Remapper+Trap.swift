internal import CLinuxMemory

extension Remapper {
    /// Write-protects pages of merged runs in the context ``trap``: whoever writes to one waits for the thread that
    /// serves it. What was written before this returns may have a copy of its own there: the page map tells.
    ///
    /// - Returns: 0, or minus an error number: they are not protected, and not tracked.
    public func arm(_ base: UnsafeMutableRawPointer, pageCount: Int) -> Int32 {
        var report = RemapReport()
        let start = UInt(bitPattern: base)
        let size = pageCount * pageSize
        // A write to a page that is not in the page table is copied first, and trapped then: too late.
        _ = lm_madvise(start, size, Int32(LM_MADV_POPULATE_READ))
        return arm(&report, start, size)
    }

    /// Ends that for pages, and wakes whoever waits. Map entries of other contexts among them: nothing is done.
    public func disarm(_ base: UnsafeMutableRawPointer, pageCount: Int) {
        guard trap >= 0 else { return }
        let start = UInt(bitPattern: base)
        _ = lm_uffd_unregister(trap, start, pageCount * pageSize)
        _ = lm_uffd_wake(trap, start, pageCount * pageSize)
    }

    /// Lets pages of merged runs be written where they are, without a trap, until they are armed again. Takes no map entry.
    /// No window is open.
    public func permitWrites(_ base: UnsafeMutableRawPointer, pageCount: Int) {
        guard trap >= 0 else { return }
        _ = lm_uffd_write_protect(trap, UInt(bitPattern: base), pageCount * pageSize, 0)
    }

    private func arm(_ report: inout RemapReport, _ base: UInt, _ size: Int) -> Int32 {
        var result = report.count(lm_uffd_register(trap, base, size, LM_UFFD_MODE_WP))
        if result == 0 { result = report.count(lm_uffd_write_protect(trap, base, size, 1)) }
        if result != 0 { report.trackingLost = true }
        return result
    }

    /// Gives a part of a window to the tracker.
    func track(_ report: inout RemapReport, _ base: UInt, _ size: Int) {
        if report.count(lm_uffd_register(tracker.context, base, size, LM_UFFD_MODE_WP)) != 0 {
            report.trackingLost = true
        }
    }

    /// Gives a window back to those it belongs to after a merge or an unmerge, and wakes whoever waits.
    mutating func close(
        _ report: inout RemapReport, base: UInt, pageCount: Int, liesOverFrame: (Int) -> Bool
    ) {
        guard trap >= 0 else { return close(&report, base: base, size: pageCount * pageSize) }
        release(&report, base: base, size: pageCount * pageSize)
        var start = 0
        while start < pageCount {
            let isFrame = liesOverFrame(start)
            var end = start + 1
            while end < pageCount, liesOverFrame(end) == isFrame { end += 1 }
            let part = base + UInt(start * pageSize)
            let size = (end - start) * pageSize
            if isFrame { _ = arm(&report, part, size) } else { track(&report, part, size) }
            start = end
        }
        wake(&report, base: base, size: pageCount * pageSize)
    }

    /// Gives the window of a merge back.
    mutating func close(_ batch: inout Batch, wereFrames: Bool) {
        var report = batch.report
        var position = 0
        close(&report, base: batch.base, pageCount: batch.pageCount) { place in
            // Places are asked for in ascending order.
            while position < batch.count, batch.place(position) < place { position += 1 }
            guard position < batch.count, batch.place(position) == place else { return wereFrames }
            let page = batch[position]
            let isMerged = page.outcome == .merged
            return wereFrames ? !(isMerged && page.kind == .sharedZeros) : isMerged && page.kind == .frame
        }
        batch.report = report
    }
}
