import CLinuxMemory

/// What is to become of a site of a window.
private enum Fate {
    /// It goes into the window.
    case work
    /// Its outcome is decided.
    case decided(RemapOutcome)
}

/// Fills `buffers.pages` with the sites of a window that are worth it, and decides the outcome of the others. The
/// places of the pages count from the window's first site. Returns their number. The lock is held.
func describeSites(_ sites: Range<Int>, _ range: UnsafeMutablePointer<AgentRange>, _ done: inout WireWork) -> Int {
    let hasMap = unsafe readPageMap(sites, range, &done)
    var count = 0
    var start = sites.lowerBound
    while start < sites.upperBound {
        if case .decided(let outcome) = unsafe fate(start, sites, range, hasMap) {
            // SAFETY: a place below the number of sites.
            unsafe buffers.outcomes[start] = outcome
            start += 1
            continue
        }
        // A run of neighbouring pages that map neighbouring frames, or are all zeros.
        var end = start + 1
        while end < sites.upperBound, continues(end), case .work = unsafe fate(end, sites, range, hasMap) { end += 1 }
        let isAdmitted = unsafe !needsMapEntry(start..<end, range) || work.budget.admits(run: end - start)
        for place in start..<end {
            if !isAdmitted {
                unsafe buffers.outcomes[place] = .mapLimit
            } else {
                // SAFETY: a window has at most 512 pages.
                unsafe buffers.pages[count] = describe(place, sites, range)
                count += 1
            }
        }
        start = end
    }
    return count
}

/// Whether a site and the one before it can share a mapping.
private func continues(_ place: Int) -> Bool {
    // SAFETY: the place is not the first of its window.
    let (left, right) = unsafe (buffers.sites[place - 1], buffers.sites[place])
    guard right.index == left.index + 1 else { return false }
    return left.frame == wireZeros ? right.frame == wireZeros : right.frame == left.frame + 1
}

/// Whether merging a run may take a map entry: not for zeros, and not where copies are dropped from their own frames.
private func needsMapEntry(_ run: Range<Int>, _ range: UnsafeMutablePointer<AgentRange>) -> Bool {
    for place in run {
        let site = unsafe buffers.sites[place]
        let entry = unsafe range.entry(site.index)
        if site.frame == wireZeros ? entry.liesOverFrame : entry.frame != site.frame { return true }
    }
    return false
}

/// Looks whether a site can go into the window.
private func fate(
    _ place: Int, _ sites: Range<Int>, _ range: UnsafeMutablePointer<AgentRange>, _ hasMap: Bool
) -> Fate {
    let site = unsafe buffers.sites[place]
    let entry = unsafe range.entry(site.index)
    if site.frame != wireZeros, segments.descriptor(of: site.frame) < 0 {
        return .decided(segments.isOpen(site.frame) ? .busy : .failed)
    }
    guard entry.liesOverFrame else { return .work }
    guard hasMap else { return .decided(.failed) }
    // SAFETY: the page map of the window was read, from its first site on.
    let bits = unsafe buffers.pageMap[Int(site.index - buffers.sites[sites.lowerBound].index)]
    let isIntact = bits & LM_PAGEMAP_PRESENT != 0 && bits & LM_PAGEMAP_FILE != 0
    if isIntact, site.frame != wireZeros, entry.frame == site.frame {
        unsafe range.pointee.entries[Int(site.index)].isOrphaned = false
        return .decided(.merged)
    }
    #if Mutants
        if unsafe agentSettings.mutants.contains(.trustsRewritten) { return .work }
    #endif
    // Pages that were written cost no window: the next observation tells.
    return isIntact ? .work : .decided(.busy)
}

/// Reads the page map of a window if one of its pages lies over a frame. `false` if it was not read.
private func readPageMap(
    _ sites: Range<Int>, _ range: UnsafeMutablePointer<AgentRange>, _ done: inout WireWork
) -> Bool {
    var isNeeded = false
    for place in sites where unsafe range.entry(buffers.sites[place].index).liesOverFrame {
        isNeeded = true
        break
    }
    guard isNeeded, let remapper = unsafe work.remapper else { return false }
    // SAFETY: a window has at most 512 pages, and there is room for as many.
    let first = unsafe buffers.sites[sites.lowerBound].index
    let count = unsafe Int(buffers.sites[sites.upperBound - 1].index - first) + 1
    done.systemCalls += 1
    return unsafe lm_pagemap(remapper.pointee.tracker.pagemap, range.address(of: first), count, 4096, buffers.pageMap)
        == count
}

/// A page for the remapper.
private func describe(_ place: Int, _ sites: Range<Int>, _ range: UnsafeMutablePointer<AgentRange>) -> RemapPage {
    let site = unsafe buffers.sites[place]
    let entry = unsafe range.entry(site.index)
    let index = unsafe site.index - buffers.sites[sites.lowerBound].index
    let advice = unsafe range.pointee.advice
    if site.frame == wireZeros {
        return unsafe RemapPage(index: index, kind: entry.liesOverFrame ? .sharedZeros : .zeros, advice: advice)
    }
    let slot = site.frame % WireLimit.framesOfSegment
    return unsafe RemapPage(
        index: index, kind: entry.liesOverFrame ? .shared : .frame, frame: segments.bytes(of: site.frame),
        segment: segments.descriptor(of: site.frame), fileOffset: UInt64(slot) << 12, advice: advice)
}
