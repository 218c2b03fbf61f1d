import CLinuxMemory

/// Gives pages of a request memory of their own again; fills `buffers.outcomes`.
///
/// - Parameter pages: Ascending by area and page.
func unmerge(_ pages: UnsafePointer<WirePage>, count: Int) -> WireWork {
    var done = WireWork()
    work.budget.refresh()
    var next = 0
    while next < count {
        next = withAgentLock {
            var place = next
            while place < count {
                // A page discarded since the last observation is anonymous memory again. Where it is a hole nothing
                // keeps writers out, so that a copy would overwrite what they write.
                guard let range = unsafe mergedRange(pages[place]) else {
                    // SAFETY: an outcome for each page of the request.
                    unsafe buffers.outcomes[place] = .gone
                    place += 1
                    continue
                }
                let first = unsafe pages[place]
                var end = place + 1
                while end < count, end - place < Remapper.windowCapacity, unsafe pages[end].area == first.area,
                    unsafe pages[end].index == first.index &+ UInt32(end - place),
                    unsafe isMerged(range, pages[end].index)
                { end += 1 }
                let run = first.index..<first.index + UInt32(end - place)
                unsafe unmergeRun(range, run, &done)
                for page in place..<end { unsafe buffers.outcomes[page] = buffers.results[page - place] }
                return end
            }
            return place
        }
        pauseForJobs()
    }
    return done
}

/// The range of a page that lies over a frame and may be touched.
private func mergedRange(_ page: WirePage) -> UnsafeMutablePointer<AgentRange>? {
    guard unsafe work.remapper != nil, let range = unsafe ranges.find(area: page.area), unsafe range.isServed,
        unsafe isMerged(range, page.index)
    else { return nil }
    return unsafe range
}

/// Whether a page lies over a frame and may be touched.
private func isMerged(_ range: UnsafeMutablePointer<AgentRange>, _ page: UInt32) -> Bool {
    guard unsafe page < range.pointee.pageCount else { return false }
    let entry = unsafe range.entry(page)
    return entry.liesOverFrame && entry.isMergeable
}

/// Un-shares at most 512 neighbouring pages, all of which lie over frames and can be read and written; fills
/// `buffers.results`. The lock is held.
///
/// - Parameter inPlace: Whether they may get memory of their own in their place while somebody is there who could not wait
///   for a window.
func unmergeRun(
    _ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>, protection: Int32 = 3,
    advice: RemapAdvice? = nil, inPlace: Bool = true, _ done: inout WireWork
) {
    guard let remapper = unsafe work.remapper else {
        // SAFETY: a result for each page.
        for place in 0..<pages.count { unsafe buffers.results[place] = .failed }
        return
    }
    guard unsafe kernelMap.areFrames(range.address(of: pages.lowerBound), range.address(of: pages.upperBound)) else {
        return unsafe giveUp(range, pages)
    }
    let before = unsafe range.boundaries(around: pages)
    // SAFETY: the pages are fit, and the lock keeps the program's changes away.
    let report = unsafe remapper.pointee.unmerge(
        range.memory(of: pages.lowerBound), pageCount: pages.count, advice: advice ?? range.pointee.advice,
        protection: protection, mayBeSeen: !inPlace, outcomes: buffers.results)
    done.add(report)
    var mustStay = false
    for place in 0..<pages.count {
        switch unsafe buffers.results[place] {
        case .merged: unsafe range.pointee.entries[Int(pages.lowerBound) + place].becomeAnonymous()
        case .mapLimit, .busy: mustStay = true
        default: break
        }
    }
    // Copies do not join the memory around them.
    unsafe work.budget.add(abs(range.boundaries(around: pages) - before))
    if report.trackingLost { unsafe trackMergeable(range, pages, anew: false) }
    defer { if trap.isOn { unsafe range.findRewritten(pages) } }
    guard mustStay else { return }
    // Without map entries for copies, or under the eyes of a debugger, the pages can still get memory of their own where
    // they are.
    unsafe remapper.pointee.permitWrites(range.memory(of: pages.lowerBound), pageCount: pages.count)
    let broken = AgentLock.writing {
        unsafe remapper.pointee.breakSharing(range.memory(of: pages.lowerBound), pageCount: pages.count)
    }
    done.add(broken)
    guard broken.merged > 0 else { return }
    for place in 0..<pages.count {
        // SAFETY: as above.
        let result = unsafe buffers.results[place]
        if result == .mapLimit || result == .busy { unsafe buffers.results[place] = .merged }
    }
}

/// Something else lies there than the tables say: nothing is done to it, and it is looked at anew.
private func giveUp(_ range: UnsafeMutablePointer<AgentRange>, _ pages: Range<UInt32>) {
    for page in pages {
        // SAFETY: pages of the range, and a result for each.
        unsafe range.pointee.entries[Int(page)].becomeAnonymous()
        unsafe range.pointee.entries[Int(page)].isUnfit = true
        unsafe buffers.results[Int(page - pages.lowerBound)] = .failed
    }
    unsafe ranges.noteChange(range)
    unsafe ranges.examineLater(range)
}
