internal import CLinuxMemory

extension Remapper {
    /// Step 6: maps the frames of the pages that are ready, run by run, and leaves the holes of those that hold zeros.
    mutating func map(_ batch: inout Batch) {
        var position = 0
        while position < batch.count {
            guard batch.state(position) == .ready else {
                position += 1
                continue
            }
            if batch[position].kind == .zeros {
                batch.decide(position, .merged)
                position += 1
                continue
            }
            let end = endOfFrames(batch, from: position)
            guard mapRun(&batch, position..<end) else { return giveUp(&batch, from: position) }
            for page in position..<end { batch.decide(page, .merged) }
            position = end
        }
    }

    /// The end of the run of pages whose frames are neighbours too, so that one mapping does for all.
    private func endOfFrames(_ batch: Batch, from position: Int) -> Int {
        let first = batch[position]
        var end = position + 1
        while end < batch.count, batch.state(end) == .ready {
            let page = batch[end]
            let distance = end - position
            guard Int(page.index) == Int(first.index) + distance, page.advice == first.advice else { break }
            if first.kind == .sharedZeros {
                guard page.kind == .sharedZeros else { break }
            } else {
                guard page.kind == .frame || page.kind == .shared, page.segment == first.segment,
                    page.fileOffset == first.fileOffset + UInt64(distance * pageSize)
                else { break }
            }
            end += 1
        }
        return end
    }

    /// Replaces a run of pages in one step. `false` when there are no map entries.
    private mutating func mapRun(_ batch: inout Batch, _ run: Range<Int>) -> Bool {
        let first = batch[run.lowerBound]
        let address = batch.address(run.lowerBound)
        let size = run.count * pageSize
        batch.report.mapCalls &+= 1
        let isZero = first.kind == .sharedZeros
        let mapped = replace(
            &batch.report, address, size, segment: isZero ? -1 : first.segment, offset: first.fileOffset,
            advice: first.advice)
        guard mapped else { return false }
        // The first read is not to tell a merged page from another. A run of one page costs 2 microseconds more this way,
        // and its first read 1.5 less.
        // A write to a page that is not in the page table would be copied before it is trapped.
        if !isZero {
            _ = batch.report.count(lm_madvise(address, size, Int32(LM_MADV_POPULATE_READ)))
        }
        return true
    }

    /// Maps frames, or empty anonymous memory if `segment` is negative, over a range; `false` if the kernel refuses.
    func replace(
        _ report: inout RemapReport, _ address: UInt, _ size: Int, segment: Int32, offset: UInt64, advice: RemapAdvice
    ) -> Bool {
        var flags = LM_MAP_PRIVATE | LM_MAP_FIXED
        if segment < 0 { flags |= LM_MAP_ANONYMOUS }
        if advice.contains(.noReserve) { flags |= LM_MAP_NORESERVE }
        let protection = Int32(LM_PROT_READ | LM_PROT_WRITE)
        let mapped = lm_mmap(address, size, protection, Int32(flags), segment, segment < 0 ? 0 : Int64(offset))
        report.systemCalls &+= 1
        guard lm_is_error(mapped) == 0 else {
            report.error = Int32(-mapped)
            return false
        }
        advise(&report, advice, address, size)
        return true
    }

    /// Gives the area's advice for a new mapping.
    func advise(_ report: inout RemapReport, _ advice: RemapAdvice, _ address: UInt, _ size: Int) {
        if advice.contains(.dontFork) { _ = report.count(lm_madvise(address, size, Int32(LM_MADV_DONTFORK))) }
        if advice.contains(.dontDump) { _ = report.count(lm_madvise(address, size, Int32(LM_MADV_DONTDUMP))) }
        if advice.contains(.hugePage) { _ = report.count(lm_madvise(address, size, Int32(LM_MADV_HUGEPAGE))) }
        if advice.contains(.noHugePage) { _ = report.count(lm_madvise(address, size, Int32(LM_MADV_NOHUGEPAGE))) }
    }

    /// Ends the batch when a mapping was refused: whatever is not mapped goes back.
    private mutating func giveUp(_ batch: inout Batch, from first: Int) {
        let outcome: RemapOutcome = batch.report.error == Int32(LM_ENOMEM) ? .mapLimit : .failed
        for position in first..<batch.count where batch.state(position) == .ready {
            switch batch[position].kind {
            // Zeros need no mapping.
            case .zeros: batch.decide(position, .merged)
            case .shared, .sharedZeros: batch.decide(position, outcome)
            case .frame: break
            }
        }
        moveBack(&batch, from: first, standing: .ready, outcome: outcome)
    }
}
