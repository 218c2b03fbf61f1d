import CLinuxMemory
import Remap

extension InProcessMemory {
    /// Starts to trap writes, if the settings say so and the kernel permits it.
    func startTrap() {
        guard settings.rewrittenPages == .trap, remapper != nil else { return }
        trap = TrapServer(remapper!, pageSize: pageSize)
        if let trap { remapper!.trap = trap.context }
    }

    /// Ends it: what is written from now on is copied where it is.
    func stopTrap() {
        guard let trap else { return }
        excludingTraps { remapper?.trap = -1 }
        self.trap = nil
        trap.stop()
    }

    /// Runs something that needs the mappings as they are, and the map tables true of them.
    func excludingTraps<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        guard let trap else { return try body() }
        return try trap.excluding { () throws(E) -> R in
            takeNews(of: trap)
            return try body()
        }
    }

    /// Writes to memory of the program, where it may meet a trap. In ``excludingTraps(_:)``.
    func writing<R>(_ body: () -> R) -> R { trap?.writing(body) ?? body() }

    /// The memory whose frames are served is that of all regions.
    func serveRegions() {
        trap?.serve(
            regions.values.map {
                let start = unsafe UInt(bitPattern: $0.base)
                return .init(start: start, end: start + UInt(Int($0.pageCount) * pageSize), advice: $0.advice)
            })
    }

    private func takeNews(of trap: TrapServer) {
        let isComplete = trap.takeNews { news in
            // Whether or not the region is known still.
            if news.kind == .anonymous || news.kind == .untracked { budget.add(2) }
            guard let (region, first) = place(of: news.start) else { return }
            let pages = first..<min(first + UInt32(news.pageCount), region.pageCount)
            switch news.kind {
            case .anonymous, .untracked:
                for page in pages { region.setFrame(nil, at: page) }
                if news.kind == .untracked { region.lacksTracking = true }
                statistics.writesWaited += 1
            case .rewritten: noteRewritten(first, of: region)
            case .letGo:
                if pages.count > TrappedBlock.capacity { region.lacksTracking = true } else { resume(region, pages) }
            }
        }
        trap.allow(entries: budget.entriesLeft)
        if !isComplete { for region in regions.values { region.lacksTracking = true } }
    }

    private func place(of address: UInt) -> (RegionRecord, UInt32)? {
        for region in regions.values {
            let start = unsafe UInt(bitPattern: region.base)
            let page = (address &- start) / UInt(pageSize)
            if address >= start, page < UInt(region.pageCount) { return (region, UInt32(page)) }
        }
        return nil
    }

    private func noteRewritten(_ page: UInt32, of region: RegionRecord) {
        guard region.frame(at: page) != nil, !region.isRewritten(page) else { return }
        region.noteRewritten(page)
        region.noteDiscarded(page..<page + 1)
    }

    /// Finds out which pages over frames were written while nothing trapped it: the kernel's scan does not tell of trapped pages.
    func findRewritten(_ pages: Range<UInt32>, of region: RegionRecord) {
        guard let pagemap = remapper?.tracker.pagemap else { return }
        var map = [UInt64](repeating: 0, count: pages.count)
        let start = unsafe UInt(bitPattern: region.address(of: pages.lowerBound, pageSize: pageSize))
        // SAFETY: room for all of the pages.
        let read = unsafe lm_pagemap(pagemap, start, pages.count, pageSize, &map)
        for place in 0..<max(0, read) where map[place] & LM_PAGEMAP_PRESENT != 0 && map[place] & LM_PAGEMAP_FILE == 0 {
            noteRewritten(pages.lowerBound + UInt32(place), of: region)
        }
    }

    /// Resumes tracking, and trapping, where they were lost; if that fails too, it is tried again before each observation.
    func retrack(_ region: RegionRecord, _ pages: Range<UInt32>) {
        guard trap != nil else { return track(region, pages) }
        var start = pages.lowerBound
        while start < pages.upperBound {
            // Not all at once: writers wait.
            let end = min(pages.upperBound, start + 4096)
            excludingTraps { resume(region, start..<end) }
            start = end
        }
    }

    private func resume(_ region: RegionRecord, _ pages: Range<UInt32>) {
        forEachKind(of: region, pages) { run, areFrames in
            if areFrames { arm(region, run) } else { track(region, run) }
        }
    }

    private func arm(_ region: RegionRecord, _ pages: Range<UInt32>) {
        let memory = unsafe region.address(of: pages.lowerBound, pageSize: pageSize)
        // SAFETY: the pages belong to the region.
        try? unsafe remapper?.tracker.untrack(memory, pageCount: pages.count)
        if unsafe remapper?.arm(memory, pageCount: pages.count) != 0 { region.lacksTracking = true }
        findRewritten(pages, of: region)
    }

    /// Ends the tracking of a region, and the trapping of its frames.
    func untrack(_ region: RegionRecord) {
        excludingTraps {
            forEachKind(of: region, 0..<region.pageCount) { run, areFrames in
                let memory = unsafe region.address(of: run.lowerBound, pageSize: pageSize)
                if areFrames { unsafe remapper?.disarm(memory, pageCount: run.count) }
                // SAFETY: the region's memory is mapped until it is released.
                try? unsafe remapper?.tracker.untrack(memory, pageCount: run.count)
            }
        }
    }

    /// Calls `body` for each run of pages that all lie over frames, or all do not: at once if nothing is trapped.
    private func forEachKind(of region: RegionRecord, _ pages: Range<UInt32>, _ body: (Range<UInt32>, Bool) -> Void) {
        guard trap != nil else { return body(pages, false) }
        var page = pages.lowerBound
        while page < pages.upperBound {
            let areFrames = region.frame(at: page) != nil
            var end = page + 1
            while end < pages.upperBound, (region.frame(at: end) != nil) == areFrames { end += 1 }
            body(page..<end, areFrames)
            page = end
        }
    }

    private func track(_ region: RegionRecord, _ pages: Range<UInt32>) {
        do throws(RemapError) {
            // SAFETY: the pages belong to the region.
            try unsafe remapper?.tracker.track(
                region.address(of: pages.lowerBound, pageSize: pageSize), pageCount: pages.count)
        } catch {
            region.lacksTracking = true
        }
    }
}
