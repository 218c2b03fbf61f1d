import ScanPolicy

extension Merger {
    /// Goes through the window from where it stands and fills the batch: pages that need a checksum, and pages to
    /// match. Every page that exists is charged to the budget; pages that did not change cost nothing more.
    ///
    /// - Complexity: O(1) for each chunk of 64 pages without anything to do.
    mutating func selectBatch() {
        batch.clear()
        batch.dropCandidates()
        let keeps = keepsUnstableTree
        let pageCount = { (mask: UInt64) in UInt32(mask.nonzeroBitCount) }
        while window.next < window.end, window.budget > 0,
            batch.fresh.count + batch.candidates.count < configuration.batchPages
        {
            let place = window.next >> 6
            let chunkEnd = min((place + 1) << 6, window.end)
            let chunk = spaces.areas[Int(window.slot)]!.chunks[Int(place)]
            guard chunk != PageTable.noChunk else {
                window.next = chunkEnd
                continue
            }
            let first = window.next & 63
            var mask = ~UInt64(0) << UInt64(first)
            if chunkEnd & 63 != 0 { mask &= (1 << UInt64(chunkEnd & 63)) - 1 }
            var present = table.present[Int(chunk)] & mask
            window.next = chunkEnd
            if pageCount(present) > window.budget {
                let last = present.indexOfSetBit(number: window.budget)
                mask &= (2 << last) &- 1
                present &= mask
                window.next = place << 6 + UInt32(last) + 1
            }
            if policy.selectsPages {
                let candidates = present & ~table.mask(of: .stable, chunk: chunk)
                let absent = mask & ~table.present[Int(chunk)]
                let skipped = candidates & ~policy.select(pagesOf: chunk, among: candidates, absent: absent)
                passOver(skipped, chunk: chunk)
                present &= ~skipped
            }
            window.budget -= pageCount(present)
            tally.pagesScanned += UInt64(pageCount(present))
            var visits = keeps ? present & table.pending[Int(chunk)] : present
            while visits != 0 {
                visit(chunk << 6 | UInt32(visits.trailingZeroBitCount))
                visits &= visits - 1
            }
        }
        spaces.moveCursor(toPage: window.next)
    }

    /// Pages that the policy passes over leave the unstable tree, as in the kernel's smart scan.
    private mutating func passOver(_ skipped: UInt64, chunk: UInt32) {
        tally.pagesSkipped += UInt64(skipped.nonzeroBitCount)
        var rest = skipped
        while rest != 0 {
            let page = chunk << 6 | UInt32(rest.trailingZeroBitCount)
            rest &= rest - 1
            let link = table.link(page)
            if link.state == .unstable {
                leaveUnstableTree(page, link)
                table.setLink(PageLink(.settled), of: page)
            }
        }
    }

    /// Puts one page into the batch if there is something to do for it.
    private mutating func visit(_ page: UInt32) {
        let link = table.link(page)
        switch link.state {
        case .fresh:
            if FreshMarks(rawValue: link.payload).contains(.isHot) { return }
            batch.fresh.append(page)
        case .settled:
            if isOldEnough(page) { batch.candidates.append(page) }
        case .unstable:
            if keepsUnstableTree { return }
            leaveUnstableTree(page, link)
            table.setLink(PageLink(.settled), of: page)
            batch.candidates.append(page)
        case .refused:
            guard link.isDue(in: scanNumber) else { return }
            table.setLink(link.tried, of: page)
            batch.fresh.append(page)
        case .absent, .stable, .zeroed, .planned:
            break
        }
    }
}

extension UInt64 {
    /// The place of the n-th set bit, counted from 1.
    ///
    /// - Complexity: O(n)
    func indexOfSetBit(number: UInt32) -> UInt64 {
        var rest = self
        for _ in 1..<number { rest &= rest &- 1 }
        return UInt64(rest.trailingZeroBitCount)
    }
}
