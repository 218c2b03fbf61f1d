import CLinuxMemory

/// Carries out `count` sites in `buffers.sites`, ascending by area and page; fills `buffers.outcomes`.
func merge(count: Int) -> WireWork {
    var done = WireWork()
    keepFramesInCoreDumps()
    work.budget.prepare()
    var next = 0
    while next < count {
        next = withAgentLock {
            // Pages that cannot merge now are passed over at once, so that a hold is never empty.
            var place = next
            while place < count {
                let end = endOfWindow(from: place, count: count)
                if end > place {
                    mergeWindow(place..<end, &done)
                    return end
                }
                // SAFETY: a place below the number of sites.
                unsafe buffers.outcomes[place] = .gone
                place += 1
            }
            return place
        }
        pauseForJobs()
    }
    if let remapper = unsafe work.remapper {
        unsafe remapper.pointee.letOnlookersIn()
        // Memory of nobody's while nothing merges.
        unsafe remapper.pointee.closeStaging()
    }
    return done
}

/// Pages of a window that are not merged are write-protected for nothing, and need a new checksum afterwards: a window
/// ends where more than so many of them come together.
private var widestGap: UInt32 { 8 }

/// The end of the window that starts with a site: neighbouring pages of one range, at most 512 wide, of which all can
/// be merged. `start` itself if the site cannot be.
private func endOfWindow(from start: Int, count: Int) -> Int {
    // SAFETY: places below the number of sites; the pointer is used while the lock is held.
    let first = unsafe buffers.sites[start]
    guard unsafe work.remapper != nil, agentMemory.canMerge, let range = unsafe ranges.find(area: first.area),
        unsafe range.isServed, unsafe first.index < range.pointee.pageCount, unsafe range.entry(first.index).isMergeable
    else { return start }
    var end = start + 1
    while end < count {
        let site = unsafe buffers.sites[end]
        let before = unsafe buffers.sites[end - 1].index
        guard site.area == first.area, site.index - first.index < UInt32(Remapper.windowCapacity),
            site.index - before <= widestGap, unsafe site.index < range.pointee.pageCount,
            unsafe range.endOfMergeable(from: before + 1, limit: site.index + 1) == site.index + 1,
            unsafe staysOfKind(range, first.index, before + 1...site.index)
        else { break }
        end += 1
    }
    return end
}

/// Whether pages may share a window with the one it begins with: where writes are trapped, pages over frames belong to
/// another context than others.
private func staysOfKind(
    _ range: UnsafeMutablePointer<AgentRange>, _ first: UInt32, _ pages: ClosedRange<UInt32>
) -> Bool {
    if !trap.isOn { return true }
    let kind = unsafe range.entry(first).liesOverFrame
    for page in pages where unsafe range.entry(page).liesOverFrame != kind { return false }
    return true
}

/// Merges the pages of one window, in as far as the map entries left permit. The lock is held.
private func mergeWindow(_ sites: Range<Int>, _ done: inout WireWork) {
    // SAFETY: endOfWindow has found the range; places below the number of sites.
    let area = unsafe buffers.sites[sites.lowerBound].area
    guard let range = unsafe ranges.find(area: area), let remapper = unsafe work.remapper else { return }
    segments.beginWindow()
    let count = unsafe describeSites(sites, range, &done)
    guard count > 0 else { return work.budget.settle(0) }
    let base = unsafe buffers.sites[sites.lowerBound].index
    let first = unsafe buffers.pages[0].index
    let last = unsafe buffers.pages[count - 1].index
    for place in 0..<count { unsafe buffers.pages[place].index -= first }
    let window = (base + first)..<(base + last + 1)
    let before = unsafe range.boundaries(around: window)
    // SAFETY: all pages of the window are fit and tracked, and the lock keeps the program's changes away.
    let report = unsafe remapper.pointee.merge(
        window: range.memory(of: window.lowerBound), pageCount: window.count, pages: buffers.pages, count: count,
        goesOn: true)
    unsafe settle(sites, range, window, count, wasOpened: report.wasOpened)
    unsafe work.budget.settle(range.boundaries(around: window) - before)
    done.add(report)
    if report.merged > 0 { MapReserve.hold() }
    if report.trackingLost { unsafe trackMergeable(range, window, anew: false) }
    if trap.isOn {
        // Between the window and the trap.
        unsafe range.findRewritten(window)
        trap.news.take()
        done.writesWaited &+= trap.news.takeWrites()
    }
    unsafe takeBack(range, window, count, &done)
}

/// Takes over what became of each page of a window. Those of its own memory count as written to the tracker, and were not:
/// nothing is known of their writes any more.
private func settle(
    _ sites: Range<Int>, _ range: UnsafeMutablePointer<AgentRange>, _ window: Range<UInt32>, _ count: Int,
    wasOpened: Bool
) {
    var isNews = false
    for page in window where wasOpened {
        // SAFETY: pages of the range, under the lock.
        if unsafe range.pointee.entries[Int(page)].forgetWrites() { isNews = true }
    }
    if isNews { unsafe range.raise(AgentRange.hasNews) }
    var next = 0
    for place in sites where next < count {
        // SAFETY: places below the numbers of sites and of pages; the pages are ascending like the sites.
        let site = unsafe buffers.sites[place]
        guard unsafe window.lowerBound + buffers.pages[next].index == site.index else { continue }
        let outcome = unsafe buffers.pages[next].outcome
        next += 1
        unsafe buffers.outcomes[place] = outcome
        let entry = unsafe range.pointee.entries + Int(site.index)
        if outcome.isRefusal {
            // Where no window was opened the page does not count as written, and a write to it is news.
            guard wasOpened else { continue }
            unsafe entry.pointee.writes = PageWrites(.refused, level: 0, tick: 0)
        } else if outcome == .merged {
            unsafe entry.pointee.frame = site.frame == wireZeros ? nil : site.frame
            if site.frame == wireZeros { unsafe entry.pointee.becomeGivenBack() }
            unsafe entry.pointee.isOrphaned = false
            // What was discarded since it was last observed, and filled again, is merged as it is now.
            unsafe entry.pointee.isDiscarded = false
        }
    }
}

/// After a fork all pages count as shared with the child for the kernel, also when it has ended, until they are
/// written. Busy pages that only this process maps are made its own again; they merge at a later scan.
private func takeBack(
    _ range: UnsafeMutablePointer<AgentRange>, _ window: Range<UInt32>, _ count: Int, _ done: inout WireWork
) {
    guard let remapper = unsafe work.remapper else { return }
    for place in 0..<count {
        // SAFETY: `count` pages were handed to the merge; they lie in the window.
        let page = unsafe buffers.pages[place]
        let index = window.lowerBound + page.index
        guard page.outcome == .busy, !page.isShared, unsafe !range.entry(index).liesOverFrame else { continue }
        let address = unsafe range.address(of: index)
        guard work.takenBack.permits(address) else { continue }
        let report = unsafe remapper.pointee.takeBack(range.memory(of: index))
        done.add(report)
        guard report.merged > 0 else { continue }
        work.takenBack.note(address)
        // SAFETY: a page of the range, under the lock.
        unsafe range.pointee.entries[Int(index)].forgetRefusal()
    }
}

extension WireWork {
    /// Adds the numbers of a report.
    mutating func add(_ report: RemapReport) {
        systemCalls += UInt64(report.systemCalls)
        bytesCompared += report.bytesCompared
        writesWaited &+= report.blockedWrites
        readsWaited &+= report.blockedReads
        pagesMovedBack &+= report.movedBack
        repairedMoves &+= report.repairs
    }
}
