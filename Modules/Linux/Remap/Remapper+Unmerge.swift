internal import CLinuxMemory

extension Remapper {
    /// Gives pages of merged runs memory of their own again, anonymous as it was before the merge, with the same bytes.
    ///
    /// Pages that still are their frames are copied and the copy takes their place in one step, run by run; readers
    /// never wait, writers wait until the window closes. Pages that were rewritten have private memory already and stay
    /// as they are (``RemapOutcome/rewritten``): one of them may be pinned, and a copy would miss what comes in later.
    /// They remain pages of a private mapping of the segment.
    ///
    /// The new mappings join one another within a window, but not the anonymous memory around it: the kernel
    /// joins anonymous mappings only if they were born as neighbours.
    ///
    /// - Parameters:
    ///   - base: The first page. All pages lie in merged runs.
    ///   - pageCount: At most ``windowCapacity``.
    ///   - advice: The area's advice.
    ///   - protection: What the pages permit, and the copies are to permit, where that is not reading and writing.
    ///   - mayBeSeen: Whether to go on while somebody is there who cannot wait for a window.
    ///   - outcomes: Room for one outcome a page: merged (it is anonymous memory now), rewritten, mapLimit, failed, or
    ///     busy where somebody is there who cannot wait for a window (``isWatched``).
    public mutating func unmerge(
        _ base: UnsafeMutableRawPointer, pageCount: Int, advice: RemapAdvice, protection: Int32 = 3,
        mayBeSeen: Bool = false, outcomes: UnsafeMutablePointer<RemapOutcome>
    ) -> RemapReport {
        var report = RemapReport()
        let start = UInt(bitPattern: base)
        let size = pageCount * pageSize
        guard pageCount > 0, pageCount <= Self.windowCapacity, start % UInt(pageSize) == 0 else {
            report.error = Int32(LM_EINVAL)
            return report
        }
        let wereHeldOff = onlookers.areHeldOff
        guard onlookers.holdOff() || mayBeSeen else {
            // SAFETY: the caller gave room for one outcome a page.
            for place in 0..<pageCount { unsafe outcomes[place] = .busy }
            return report
        }
        defer { if !wereHeldOff { onlookers.letIn() } }
        // SAFETY: as above.
        for place in 0..<pageCount { unsafe outcomes[place] = .pending }
        let copies = mapCopies(&report, size, advice)
        // Where the copies begin that are still there. What has moved away is no longer ours to unmap: another thread
        // may have mapped something in its place.
        var rest = 0
        if copies != 0, open(&report, base: start, size: size, owner: trap) {
            // SAFETY: the buffer has room for a window.
            let isKnown = unsafe readMap(start, pageCount, into: scratch.windowMap, &report)
            var place = isKnown ? 0 : pageCount
            while place < pageCount {
                let end = endOfFrames(from: place, pageCount)
                if end == place {
                    // SAFETY: as above.
                    unsafe outcomes[place] = .rewritten
                    place += 1
                    continue
                }
                guard replaceByCopies(&report, start, copies, place..<end, protection) else { break }
                if copies != keptCopies { dropCopies(&report, copies, rest..<place) }
                rest = end
                for page in place..<end { unsafe outcomes[page] = .merged }
                place = end
            }
            close(&report, base: start, pageCount: pageCount) { place in
                // SAFETY: the caller gave room for one outcome a page.
                unsafe outcomes[place] != .merged
            }
        }
        if keptCopies != 0 {
            // Also what has moved away has left its place mapped.
            let flags = LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_NORESERVE | LM_MAP_FIXED
            report.systemCalls &+= 1
            _ = lm_mmap(keptCopies, RemapRoom.copiesSize, Int32(LM_PROT_NONE), Int32(flags), -1, 0)
        } else if copies != 0 {
            dropCopies(&report, copies, rest..<pageCount)
        }
        for place in 0..<pageCount {
            // SAFETY: as above.
            switch unsafe outcomes[place] {
            case .merged: report.merged &+= 1
            case .pending: unsafe outcomes[place] = report.error == Int32(LM_ENOMEM) ? .mapLimit : .failed
            default: break
            }
        }
        return report
    }

    /// Makes an anonymous page this process's own again, if no other process maps it any more.
    ///
    /// A fork leaves all pages marked as shared until they are written; such a page cannot move. Touching it for writing
    /// without changing it lets the kernel see that nobody shares it: nothing is copied. A page that a child
    /// still maps is left alone. ``RemapReport/merged`` is 1 if it was touched. The corresponding C call is `madvise` with `MADV_POPULATE_WRITE`.
    public mutating func takeBack(_ page: UnsafeMutableRawPointer) -> RemapReport {
        var report = RemapReport()
        let address = UInt(bitPattern: page)
        // SAFETY: the buffer has room for one entry.
        guard unsafe readMap(address, 1, into: scratch.windowMap, &report) else { return report }
        let entry = unsafe scratch.windowMap[0]
        guard entry & LM_PAGEMAP_PRESENT != 0, entry & LM_PAGEMAP_FILE == 0, entry & LM_PAGEMAP_EXCLUSIVE != 0 else {
            return report
        }
        if report.count(lm_madvise(address, pageSize, Int32(LM_MADV_POPULATE_WRITE))) == 0 { report.merged = 1 }
        return report
    }

    /// Makes pages of merged runs private in place: the same bytes, in memory that a pin would respect, but still in
    /// a mapping of the segment. Needs no map entries, and nobody waits. The corresponding C call is
    /// `madvise` with `MADV_POPULATE_WRITE`.
    public mutating func breakSharing(_ base: UnsafeMutableRawPointer, pageCount: Int) -> RemapReport {
        var report = RemapReport()
        let size = pageCount * pageSize
        let advice = Int32(LM_MADV_POPULATE_WRITE)
        if report.count(lm_madvise(UInt(bitPattern: base), size, advice)) == 0 { report.merged = UInt32(pageCount) }
        return report
    }

    /// Discards pages as MADV_DONTNEED does on anonymous memory: they read as zeros afterwards.
    ///
    /// On a merged run MADV_DONTNEED itself would bring the frame back.
    ///
    /// - Parameters:
    ///   - base: The first page.
    ///   - pageCount: As many as wished, all of the same sort.
    ///   - merged: Whether the pages lie in merged runs.
    ///   - advice: The area's advice.
    /// - Returns: ``RemapReport/merged`` counts the pages given back; it is 0 where they are locked, or there were no
    ///   map entries, and they had to be filled with zeros instead.
    public mutating func discard(
        _ base: UnsafeMutableRawPointer, pageCount: Int, merged: Bool, advice: RemapAdvice
    ) -> RemapReport {
        var report = RemapReport()
        let start = UInt(bitPattern: base)
        let size = pageCount * pageSize
        report.mapCalls = 1
        if !merged {
            if report.count(lm_madvise(start, size, Int32(LM_MADV_DONTNEED))) == 0 {
                report.merged = UInt32(pageCount)
            } else {
                // Locked memory cannot be given back.
                // SAFETY: the program asked for zeros here.
                unsafe lm_fill_zero(base, size)
            }
            return report
        }
        guard replace(&report, start, size, segment: -1, offset: 0, advice: advice) else {
            // SAFETY: the program asked for zeros here.
            unsafe lm_fill_zero(base, size)
            return report
        }
        report.merged = UInt32(pageCount)
        if report.count(lm_uffd_register(tracker.context, start, size, LM_UFFD_MODE_WP)) != 0 {
            report.trackingLost = true
        }
        return report
    }

    /// Memory for copies, with the area's advice; 0 if there is none.
    private func mapCopies(_ report: inout RemapReport, _ size: Int, _ advice: RemapAdvice) -> UInt {
        var flags = LM_MAP_PRIVATE | LM_MAP_ANONYMOUS
        if advice.contains(.noReserve) { flags |= LM_MAP_NORESERVE }
        if keptCopies != 0 {
            report.systemCalls &+= 1
            let error = ReplacingMove.makeReady(keptCopies, size)
            guard error == 0 else {
                report.error = 0 &- error
                return 0
            }
            flags |= LM_MAP_FIXED
        }
        let mapped = lm_mmap(keptCopies, size, Int32(LM_PROT_READ | LM_PROT_WRITE), Int32(flags), -1, 0)
        report.systemCalls &+= 1
        guard lm_is_error(mapped) == 0 else {
            report.error = Int32(-mapped)
            return 0
        }
        advise(&report, advice, UInt(bitPattern: mapped), size)
        return UInt(bitPattern: mapped)
    }

    /// Unmaps copies that were not used.
    private func dropCopies(_ report: inout RemapReport, _ copies: UInt, _ run: Range<Int>) {
        guard !run.isEmpty else { return }
        let start = copies + UInt(run.lowerBound * pageSize)
        if report.count(lm_munmap(start, run.count * pageSize)) != 0 {
            // No map entry to cut it out of a mapping that it joined.
            _ = report.count(lm_madvise(start, run.count * pageSize, Int32(LM_MADV_DONTNEED)))
        }
    }

    /// The end of the run of pages that still are their frames, by the page map that was read.
    private func endOfFrames(from place: Int, _ pageCount: Int) -> Int {
        var end = place
        while end < pageCount {
            // SAFETY: places are below the size of the window.
            let entry = unsafe scratch.windowMap[end]
            if entry & LM_PAGEMAP_PRESENT != 0, entry & LM_PAGEMAP_FILE == 0 { break }
            end += 1
        }
        return end
    }

    /// Copies a run and puts the copy in its place. `false` if the kernel refuses; the run is then as it was.
    private mutating func replaceByCopies(
        _ report: inout RemapReport, _ start: UInt, _ copies: UInt, _ run: Range<Int>, _ protection: Int32
    ) -> Bool {
        let offset = UInt(run.lowerBound * pageSize)
        let size = run.count * pageSize
        let address = start + offset
        let copy = unsafe UnsafeMutableRawPointer(bitPattern: copies + offset).unsafelyUnwrapped
        if protection & Int32(LM_PROT_READ) != 0 {
            // SAFETY: both are mapped, and the window cannot be written at the moment.
            unsafe lm_copy(copy, UnsafeRawPointer(bitPattern: address).unsafelyUnwrapped, size)
        } else {
            guard unsafe readForbidden(&report, address, into: copy, size) else { return false }
        }
        if protection != Int32(LM_PROT_READ | LM_PROT_WRITE),
            report.count(lm_mprotect(copies + offset, size, protection)) != 0
        {
            return false
        }
        var move = ReplacingMove(keepsPlace: copies == keptCopies)
        let error = move.move(copies + offset, size, to: address)
        report.mapCalls &+= move.calls
        report.systemCalls &+= move.calls
        if move.losesPages { report.lost &+= UInt32(run.count) }
        guard error == 0 else {
            report.error = 0 &- error
            return false
        }
        if copies == keptCopies, !move.keepsPlace, !ReplacingMove.takePlaceAgain(copies + offset, size) {
            keptCopies = 0
        }
        return true
    }

    /// Reads pages that may not be read, as a debugger does. `false` where the process may not open its own memory.
    private func readForbidden(
        _ report: inout RemapReport, _ address: UInt, into buffer: UnsafeMutableRawPointer, _ size: Int
    ) -> Bool {
        let file = lm_open_memory()
        report.systemCalls &+= 1
        guard file >= 0 else {
            report.error = 0 &- file
            return false
        }
        defer { _ = lm_close(file) }
        var done = 0
        while done < size {
            // SAFETY: the caller's buffer has that size.
            let got = unsafe lm_pread(file, buffer + done, size - done, Int64(address) + Int64(done))
            report.systemCalls &+= 1
            if got == -Int(LM_EINTR) { continue }
            guard got > 0 else {
                report.error = got == 0 ? Int32(LM_EFAULT) : Int32(clamping: -got)
                return false
            }
            done += got
        }
        return true
    }
}
