internal import CLinuxMemory

extension Remapper {
    /// Merges pages of a window.
    ///
    /// - Parameters:
    ///   - base: The first page of the window. The whole window is mapped, and tracked by ``tracker``; its pages all
    ///     count as written afterwards, so it is best kept to the pages to merge.
    ///   - pageCount: Pages in the window, at most ``windowCapacity``.
    ///   - pages: The pages to merge, ascending by ``RemapPage/index``, each at most once. Outcomes are filled in.
    ///   - count: How many.
    ///   - goesOn: Whether another merge follows at once: newcomers are held off until ``letOnlookersIn()``, and the
    ///     staging area stays open until ``closeStaging()``.
    /// - Complexity: About ten system calls, one for each run of moved pages, one to three for each run of frames.
    public mutating func merge(
        window base: UnsafeMutableRawPointer, pageCount: Int, pages: UnsafeMutablePointer<RemapPage>, count: Int,
        goesOn: Bool = false
    ) -> RemapReport {
        if count == 0 { return RemapReport() }
        // SAFETY: the caller's pages outlive the call; the batch does not outlive it.
        var batch = unsafe Batch(
            base: UInt(bitPattern: base), pageCount: pageCount, pages: pages, count: count, pageSize: pageSize,
            staging: staging, scratch: scratch)
        guard batch.isValid else {
            batch.report.error = Int32(LM_EINVAL)
            // SAFETY: `count` pages are there, however wrong.
            for position in 0..<max(count, 0) { unsafe pages[position].outcome = .failed }
            return batch.report
        }
        for position in 0..<count { batch.set(position, .equal) }
        guard !leaveOutShared(&batch) else { return batch.report }
        guard onlookers.holdOff() else {
            batch.decideAll(.equal, .busy)
            return batch.report
        }
        defer { if !goesOn { onlookers.letIn() } }
        guard openStaging() else {
            batch.decideAll(.equal, .outOfMemory)
            return batch.report
        }
        defer { if !goesOn { closeStaging() } }
        batch.report.wasOpened = true
        let wereFrames = batch[0].kind == .shared || batch[0].kind == .sharedZeros
        guard open(&batch.report, base: batch.base, size: batch.size, owner: wereFrames ? trap : -1) else {
            batch.decideAll(.equal, batch.report.error == Int32(LM_ENOMEM) ? .mapLimit : .failed)
            return batch.report
        }
        compareInPlace(&batch)
        #if Mutants
            // Longer than a merge takes here, so that a short run shows what the second comparison is for.
            if mutants.contains(.noSecondCompare) {
                let end = lm_monotonic_nanoseconds() + 300_000
                while lm_monotonic_nanoseconds() < end {}
            }
        #endif
        moveOut(&batch)
        if barrier(&batch) {
            compareAgain(&batch)
            map(&batch)
        }
        close(&batch, wereFrames: wereFrames)
        if !batch.usedStage.isEmpty {
            // The staged pages have become frames or zeros.
            let start = batch.stage + UInt(batch.usedStage.lowerBound * pageSize)
            _ = batch.report.count(lm_madvise(start, batch.usedStage.count * pageSize, Int32(LM_MADV_DONTNEED)))
        }
        return batch.report
    }

    /// Leaves out pages that a forked child maps too: the kernel would refuse to move them, after the window was opened in vain.
    /// Looked at only while pages are busy.
    ///
    /// - Returns: Whether no page is left.
    private mutating func leaveOutShared(_ batch: inout Batch) -> Bool {
        guard windowsToLookAt > 0 else { return false }
        windowsToLookAt -= 1
        // SAFETY: the buffer has room for a window.
        guard unsafe readMap(batch.base, batch.pageCount, into: scratch.windowMap, &batch.report) else { return false }
        var isAnyLeft = false
        for position in 0..<batch.count {
            // SAFETY: places are below the size of the window.
            let entry = unsafe scratch.windowMap[batch.place(position)]
            // Not those of zeros, which the kernel's own zero page may be.
            let isShared =
                batch[position].kind == .frame && entry & LM_PAGEMAP_PRESENT != 0
                && entry & (LM_PAGEMAP_FILE | LM_PAGEMAP_EXCLUSIVE) == 0
            guard isShared else {
                isAnyLeft = true
                continue
            }
            batch.decide(position, .busy)
            batch.noteShared(position)
            windowsToLookAt = Self.windowsAfterBusy
        }
        return !isAnyLeft
    }

    /// Makes all writers into a window wait: step 1. On failure the window is as it was, and tracked.
    ///
    /// - Parameter owner: The context that the window belongs to, if that is not the tracker's: then it is in none on failure,
    ///   and ``RemapReport/trackingLost`` is set.
    mutating func open(_ report: inout RemapReport, base: UInt, size: Int, owner: Int32 = -1) -> Bool {
        // What is not trapped yet is the tracker's still.
        guard
            owner >= 0 && report.count(lm_uffd_unregister(owner, base, size)) == 0
                || report.count(lm_uffd_unregister(tracker.context, base, size)) == 0
        else { return resume(&report, base: base, size: size, owner) }
        guard report.count(lm_uffd_register(context, base, size, LM_UFFD_MODE_WP)) == 0 else {
            return resume(&report, base: base, size: size, owner)
        }
        #if Mutants
            if mutants.contains(.noWriteProtection) { return true }
        #endif
        guard report.count(lm_uffd_write_protect(context, base, size, 1)) == 0 else {
            close(&report, base: base, size: size)
            if owner >= 0 { report.trackingLost = true }
            return false
        }
        // Whoever waited for the other thread waits for the window instead.
        if owner >= 0 { _ = report.count(lm_uffd_wake(owner, base, size)) }
        return true
    }

    /// Tracks the window again after a failure to open it. Always `false`.
    private func resume(_ report: inout RemapReport, base: UInt, size: Int, _ owner: Int32) -> Bool {
        if owner >= 0 {
            _ = report.count(lm_uffd_wake(owner, base, size))
            report.trackingLost = true
        } else {
            track(&report, base, size)
        }
        return false
    }

    /// Step 4: whoever copied into the window under the map lock is done when this returns. If it fails, all goes back.
    private mutating func barrier(_ batch: inout Batch) -> Bool {
        var live = false
        for position in 0..<batch.count where batch.state(position) != .decided {
            live = true
            break
        }
        guard live else { return false }
        let result = batch.report.count(
            lm_uffd_register(context, batch.base, batch.size, LM_UFFD_MODE_MISSING | LM_UFFD_MODE_WP))
        if result == 0 { return true }
        moveBack(&batch, from: 0, standing: .moved, outcome: .failed)
        batch.decideAll(.equal, .failed)
        return false
    }

    /// Gives a window back to the tracker and wakes whoever waits: step 7.
    mutating func close(_ report: inout RemapReport, base: UInt, size: Int) {
        release(&report, base: base, size: size)
        track(&report, base, size)
        wake(&report, base: base, size: size)
    }

    /// Takes a window out of the synchronous context; those who wait still do.
    mutating func release(_ report: inout RemapReport, base: UInt, size: Int) {
        countBlocked(&report)
        var tries = 0
        while report.count(lm_uffd_unregister(context, base, size)) != 0 {
            // Only want of memory can be the reason. Writers must not wait for ever: lift the protection at least.
            tries += 1
            if tries == 1000 {
                _ = report.count(lm_uffd_write_protect(context, base, size, 0))
                break
            }
            lm_yield()
        }
    }

    /// Wakes whoever waits in a window: unregistering wakes only some of them.
    func wake(_ report: inout RemapReport, base: UInt, size: Int) {
        _ = report.count(lm_uffd_wake(context, base, size))
    }

    /// Counts the faults that met the open window: each waiting thread has one message.
    private func countBlocked(_ report: inout RemapReport) {
        while true {
            // SAFETY: the buffer has room for so many messages.
            let found = unsafe lm_uffd_messages(context, scratch.messages, Scratch.messageCapacity)
            report.systemCalls &+= 1
            guard found > 0 else { return }
            for position in 0..<found {
                // SAFETY: `found` messages were filled in.
                let message = unsafe scratch.messages[position]
                guard message.event == UInt8(LM_UFFD_EVENT_PAGEFAULT) else { continue }
                if message.flags & (LM_UFFD_FAULT_WRITE | LM_UFFD_FAULT_WP) != 0 {
                    report.blockedWrites &+= 1
                } else {
                    report.blockedReads &+= 1
                }
            }
            if found < Scratch.messageCapacity { return }
        }
    }
}
