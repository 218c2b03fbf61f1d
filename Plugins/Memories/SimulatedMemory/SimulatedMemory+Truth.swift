public import PageMemory

/// What a memory really holds, found out by looking at every page.
public struct SimulatedCensus: Hashable, Sendable {
    /// Pages of registered areas that were merged, and map a frame.
    public var merged = 0
    /// Pages that map a frame since before their area was registered.
    public var inherited = 0
    /// Pages of registered areas that were given back because they held zeros, and not written since; whether
    /// they were discarded after that cannot be told.
    public var zeroed = 0
    /// Pages of registered areas with content of their own.
    public var own = 0
    /// Frames that live and that the merger has not given back.
    public var frames = 0
    /// Of those, frames that no page maps.
    public var unmappedFrames = 0
    /// Frames that were given back and are still mapped, by pages outside the registered areas.
    public var orphanedFrames = 0

    /// Makes a census of nothing.
    public init() {}
}

/// The whole truth by brute force, to hold a merger's counters against.
extension SimulatedMemory {
    /// Counts pages and frames.
    ///
    /// - Complexity: O(n) in the pages of all areas and the frames.
    public func census() -> SimulatedCensus {
        var census = SimulatedCensus()
        forEachRegisteredPage { _, place, holding in
            switch holding {
            case .absent: break
            case .zeros: census.zeroed += 1
            case .own: census.own += 1
            case .shared:
                if inherited.contains(place) { census.inherited += 1 } else { census.merged += 1 }
            }
        }
        for record in frames.records.values {
            if record.isReleased {
                census.orphanedFrames += 1
            } else {
                census.frames += 1
                if record.mappers == 0 { census.unmappedFrames += 1 }
            }
        }
        return census
    }

    /// The frame that a page maps, `nil` if it has memory of its own, or none.
    public func frame(of page: PageAddress) -> Frame? {
        guard let place = locate(page), case .shared(let frame) = holding(at: place) else {
            return nil
        }
        return frame
    }

    /// Whether a page holds content: its own or a frame's.
    public func exists(_ page: PageAddress) -> Bool {
        locate(page).map { holding(at: $0).exists } ?? false
    }

    /// What the memory's own books got wrong: numbers of mappers that a recount does not find. Empty, or a mistake
    /// of this module.
    ///
    /// - Complexity: O(n) in the pages of all address spaces and the frames.
    public func bookkeepingViolations() -> [String] {
        var mappers: [Frame: Int] = [:]
        for table in spaces.values {
            for case (_, .shared(let frame)) in table.pages { mappers[frame, default: 0] += 1 }
        }
        let counted = frames.records.filter { $0.value.mappers > 0 }.mapValues(\.mappers)
        return mappers == counted ? [] : ["mappers are counted as \(counted), and are \(mappers)"]
    }

    /// A page of a registered area that maps a frame.
    func registeredMapper(of frame: Frame) -> PageAddress? {
        var mapper: PageAddress?
        forEachRegisteredPage { page, place, holding in
            if case .shared(frame) = holding, !inherited.contains(place) { mapper = page }
        }
        return mapper
    }

    private func forEachRegisteredPage(_ body: (PageAddress, PagePlace, PageHolding) -> Void) {
        for area in areas.values {
            let range = area.firstPage..<area.firstPage + UInt64(area.pageCount)
            for (page, holding) in spaces[area.space]?.pages ?? [] where range.contains(page) {
                let address = PageAddress(area: area.id, index: UInt32(page - area.firstPage))
                body(address, PagePlace(space: area.space, page: page), holding)
            }
        }
    }
}
