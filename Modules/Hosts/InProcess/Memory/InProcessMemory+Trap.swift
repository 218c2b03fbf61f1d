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
    func writing<R>(_ body: () -> R) -> R {
        guard let trap else { return body() }
        return trap.writing(body)
    }

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
            // A mapping may go across regions, and begin before the first.
            if news.kind == .letGo, news.pageCount > 1 { return noteLetGo(news) }
            guard let (region, first) = place(of: news.start) else { return }
            let pages = first..<min(first + UInt32(news.pageCount), region.pageCount)
            switch news.kind {
            case .anonymous, .untracked:
                for page in pages { region.setFrame(nil, at: page) }
                if news.kind == .untracked { region.lacksTracking = true }
                statistics.writesWaited += 1
            case .rewritten: noteRewritten(first, of: region)
            case .letGo: resume(region, pages)
            }
        }
        trap.allow(entries: budget.entriesLeft)
        if !isComplete { for region in regions.values { region.lacksTracking = true } }
    }

    private func noteLetGo(_ news: TrapNews) {
        let end = news.start + UInt(news.pageCount * pageSize)
        for region in regions.values {
            let start = unsafe UInt(bitPattern: region.base)
            if start < end, news.start < start + UInt(Int(region.pageCount) * pageSize) { region.lacksTracking = true }
        }
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

    /// Begins to track a region, and to trap its pages that still lie over frames.
    func begin(_ region: RegionRecord) throws(RemapError) {
        let all = 0..<region.pageCount
        guard trap != nil, region.mergedRun(in: all) != nil else { return try beginTracking(region, all) }
        try forEachPart(all) { part throws(RemapError) in
            try forEachKind(of: region, part) { run, areFrames throws(RemapError) in
                if areFrames { arm(region, run) } else { try beginTracking(region, run) }
            }
        }
    }

    private func beginTracking(_ region: RegionRecord, _ pages: Range<UInt32>) throws(RemapError) {
        // SAFETY: the pages belong to the region, whose memory is mapped until it is unregistered.
        try unsafe remapper?.tracker.track(
            region.address(of: pages.lowerBound, pageSize: pageSize), pageCount: pages.count)
    }

    /// Resumes tracking, and trapping, where they were lost; if that fails too, it is tried again before each observation.
    func retrack(_ region: RegionRecord, _ pages: Range<UInt32>) {
        forEachPart(pages) { resume(region, $0) }
    }

    /// Does something for pages while no write is served: not for all at once, as writers wait. For all if nothing is trapped.
    private func forEachPart<E: Error>(_ pages: Range<UInt32>, _ body: (Range<UInt32>) throws(E) -> Void) throws(E) {
        guard trap != nil else { return try body(pages) }
        var start = pages.lowerBound
        while start < pages.upperBound {
            let end = min(pages.upperBound, start + 4096)
            try excludingTraps { () throws(E) in try body(start..<end) }
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
    private func forEachKind<E: Error>(
        of region: RegionRecord, _ pages: Range<UInt32>, _ body: (Range<UInt32>, Bool) throws(E) -> Void
    ) throws(E) {
        guard trap != nil else { return try body(pages, false) }
        var page = pages.lowerBound
        while page < pages.upperBound {
            let areFrames = region.frame(at: page) != nil
            var end = page + 1
            while end < pages.upperBound, (region.frame(at: end) != nil) == areFrames { end += 1 }
            try body(page..<end, areFrames)
            page = end
        }
    }

    private func track(_ region: RegionRecord, _ pages: Range<UInt32>) {
        do throws(RemapError) {
            try beginTracking(region, pages)
        } catch {
            region.lacksTracking = true
        }
    }
}
