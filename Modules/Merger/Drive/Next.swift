import PageMemory
import PageTree
import ScanPolicy

extension Merger {
    /// The longest window, in pages: bounds how much is observed before any of it is looked at (1 GiB of 4 KiB pages).
    static var longestWindow: UInt32 { 1 << 18 }
    /// The shortest window, so that an area of holes costs few observations however small a batch is.
    static var shortestWindow: UInt32 { 1 << 13 }

    /// Says what the merger needs now.
    ///
    /// - Parameter time: The time at the call, or later than all that was answered: for the report to the policy after a
    ///   full scan, and for the age of pages.
    /// - Precondition: The request before was answered.
    public mutating func next(time: DriverTime = .none) -> MergerRequest {
        precondition(stage == .resting, "the last request was not answered")
        tell(time)
        if let request = unfinishedBusiness() { return request }
        guard configuration.run == .run, !spaces.isEmpty else {
            window.isAwake = false
            return .wait
        }
        if !window.isAwake {
            wake()
            // To scan nothing again and again without a pause would change nothing and use a CPU.
            if window.budget == 0, window.sleepMilliseconds == 0 {
                window.isAwake = false
                return .wait
            }
        }
        while window.budget > 0 {
            if !window.isOpen {
                if spaces.atStart { passStart.time = time }
                guard openWindow() else {
                    endPass(time)
                    break
                }
                stage = .observing
                ages.observed = ages.roundedDown
                let area = spaces.areas[Int(window.slot)]!.area.id
                return .observe(area, pages: window.next..<window.end)
            }
            selectBatch()
            if !batch.fresh.isEmpty {
                stage = .takingChecksums
                return .takeChecksums(batch.fresh.map { address(of: $0) })
            }
            if !batch.candidates.isEmpty {
                stage = .matching
                return .match
            }
        }
        window.isAwake = false
        return .sleep(milliseconds: window.sleepMilliseconds)
    }

    /// What has to be done before the scan goes on, run or not.
    private mutating func unfinishedBusiness() -> MergerRequest? {
        if let plan = batch.plan {
            batch.plan = nil
            stage = .merging
            return .merge(plan)
        }
        if !batch.lonely.isEmpty {
            return requestUnmerge(batch.lonely, for: .lonelyFounders)
        }
        if batch.isMatchPending {
            batch.isMatchPending = false
            stage = .matching
            return .match
        }
        settleDepartures()
        if let departure = departures.first {
            return requestUnmerge(stablePages(of: departure.area), for: .departure(departure.area))
        }
        if unmergePending {
            let pages = anyStablePages()
            if !pages.isEmpty { return requestUnmerge(pages, for: .runMode) }
            forgetEverything()
            unmergePending = false
        }
        if !freeRows.isEmpty {
            let rows = freeRows
            freeRows.removeAll()
            return .release(rows)
        }
        while let area = areasToForget.popLast() {
            if contains(area) { return .forgetObservations(area) }
        }
        return nil
    }

    private mutating func wake() {
        let next = policy.nextBatch()
        window.isAwake = true
        window.budget = next.pages
        window.granted = next.pages
        window.sleepMilliseconds = next.sleepMilliseconds
    }

    /// Opens a window at the scan cursor; false at the end of the full scan.
    private mutating func openWindow() -> Bool {
        guard let slot = spaces.slotAtCursor() else { return false }
        let pageCount = spaces.areas[Int(slot)]!.area.pageCount
        window.slot = slot
        window.next = spaces.cursorPage
        let length = min(max(window.budget, Merger.shortestWindow), Merger.longestWindow)
        window.end = window.next + min(length, pageCount - window.next)
        return true
    }

    /// Ends a full scan, and with it the wake-up, whatever is left of its budget (as in the kernel).
    private mutating func endPass(_ time: DriverTime) {
        tally.fullScans += 1
        spaces.rewind()
        if !keepsUnstableTree {
            removeAllFromUnstableTrees()
            waiting.removeAll()
        }
        retryClosedNodes()
        scanNumber = (scanNumber + 1) & PageLink.payloadMask
        let before = passStart.tally
        policy.passEnded(
            PassReport(
                number: tally.fullScans,
                pagesScanned: tally.pagesScanned - before.pagesScanned,
                pagesSkipped: tally.pagesSkipped - before.pagesSkipped,
                pagesChanged: tally.checksummed - before.checksummed,
                pagesMerged: tally.merged - before.merged,
                elapsedNanoseconds: time.nanoseconds - min(time.nanoseconds, passStart.time.nanoseconds),
                cpuNanoseconds: time.cpuNanoseconds - min(time.cpuNanoseconds, passStart.time.cpuNanoseconds)))
        passStart = PassStart(tally: tally, time: time)
    }

    /// The address of a page by its number.
    func address(of page: UInt32) -> PageAddress { spaces.address(of: page, in: table) }
}

extension Spaces {
    /// The address of a page by its number.
    ///
    /// - Complexity: O(1)
    func address(of page: UInt32, in table: borrowing PageTable) -> PageAddress {
        let chunk = Int(page >> 6)
        let area = areas[Int(table.owner[chunk])]!.area.id
        return PageAddress(area: area, index: table.place[chunk] << 6 | page & 63)
    }
}
