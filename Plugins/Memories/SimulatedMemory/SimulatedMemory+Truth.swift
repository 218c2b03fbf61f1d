public import PageMemory

/// What a memory really holds, found out by looking at every page.
public struct SimulatedCensus: Hashable, Sendable {
    /// Pages of registered areas that were merged, and map a frame.
    public var merged = 0
    /// Pages that map a frame since before their area was registered, or since a fork, and not by a merge.
    public var inherited = 0
    /// Pages of registered areas that were given back because they held zeros, and not written since; whether
    /// they were discarded after that cannot be told.
    public var zeroed = 0
    /// Pages of registered areas with content of their own.
    public var own = 0
    /// Of those, pages that are one physical page with another since a fork.
    public var copyOnWrite = 0
    /// Pages of registered areas that are pinned.
    public var pinned = 0
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
            if pins[place] != nil { census.pinned += 1 }
            switch holding {
            case .absent: break
            case .zeros: census.zeroed += 1
            case .own: census.own += 1
            case .forked(let number):
                census.own += 1
                if forked[number].mappers > 1 { census.copyOnWrite += 1 }
            case .shared:
                if isInherited(place) { census.inherited += 1 } else { census.merged += 1 }
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

    /// Whether a page holds content: its own or a frame's.
    public func exists(_ page: PageAddress) -> Bool {
        place(inArea: page).map { holding(at: $0).exists } ?? false
    }

    /// What the page tables say of a page of an address space. Pages of shared memory and of devices are not told of.
    public func state(of page: UInt64, in space: AddressSpaceID) -> SimulatedPageState {
        switch holding(at: PagePlace(space: space, page: page)) {
        case .absent: .notPresent
        case .zeros: .zero
        case .own: .present
        case .forked(let number): forked[number].mappers > 1 ? .copyOnWrite : .writeProtected
        case .shared(let frame): .merged(frame)
        }
    }

    /// Whether a frame was given back, and is still mapped: by a child of a fork that the merger had not come to.
    public func isOrphaned(_ frame: Frame) -> Bool { frames.records[frame]?.isReleased ?? false }

    /// What the memory's own books got wrong, found by counting again: mappers of frames and of forked pages, pins, pages
    /// outside of mappings, areas. Empty, or a mistake of this module.
    ///
    /// - Complexity: O(n) in the pages of all address spaces and the frames.
    public func bookkeepingViolations() -> [String] {
        var found: [String] = []
        var ofFrames: [Frame: Int] = [:]
        var ofForked: [UInt32: Int] = [:]
        for (id, space) in spaces.sorted(by: { $0.key < $1.key }) {
            for (page, holding) in space.table.pages() {
                if case .shared(let frame) = holding { ofFrames[frame, default: 0] += 1 }
                if case .forked(let number) = holding { ofForked[number, default: 0] += 1 }
                let mapping = space.mappings.mapping(at: page)
                if mapping?.kind != .anonymous { found.append("page \(page) of space \(id.rawValue) is not mapped") }
            }
            for (left, right) in zip(space.mappings.all, space.mappings.all.dropFirst())
            where left.pages.upperBound > right.pages.lowerBound {
                found.append("mappings of space \(id.rawValue) overlap at page \(right.pages.lowerBound)")
            }
            let mergeable = space.mappings.all.filter(\.isMergeable).map(\.pages)
            if !uncovered(mergeable, of: id).isEmpty { found.append("space \(id.rawValue) has pages of no area") }
        }
        for (frame, record) in frames.records.sorted(by: { $0.key < $1.key })
        where record.mappers != ofFrames[frame, default: 0] {
            found.append("frame \(frame.rawValue) counts \(record.mappers) mappers, not \(ofFrames[frame] ?? 0)")
        }
        for frame in ofFrames.keys.sorted() where frames.records[frame] == nil {
            found.append("frame \(frame.rawValue) is mapped, and does not live")
        }
        for (number, record) in forked.records.enumerated()
        where record?.mappers ?? 0 != ofForked[UInt32(number), default: 0] {
            found.append("forked page \(number) counts \(record?.mappers ?? 0) mappers")
        }
        for place in pins.keys {
            if case .own = holding(at: place) { continue }
            found.append("a pinned page has no memory of its own")
        }
        return found
    }

    /// For each of these frames that merged pages of registered areas map, the first of them.
    func registeredMappers(of frames: Set<Frame>) -> [Frame: PageAddress] {
        var mappers: [Frame: PageAddress] = [:]
        forEachRegisteredPage { page, place, holding in
            if case .shared(let frame) = holding, frames.contains(frame), mappers[frame] == nil, !isInherited(place) {
                mappers[frame] = page
            }
        }
        return mappers
    }

    private func isInherited(_ place: PagePlace) -> Bool {
        spaces[place.space]?.table.isInherited(place.page) ?? false
    }

    private func forEachRegisteredPage(_ body: (PageAddress, PagePlace, PageHolding) -> Void) {
        for area in registeredAreas {
            guard let space = spaces[area.space] else { continue }
            let range = area.pages
            for part in space.mappings.parts(of: range) where part.isMergeable {
                for (page, holding) in space.table.pages(in: part.pages) {
                    let address = PageAddress(area: area.id, index: UInt32(page - area.firstPage))
                    body(address, PagePlace(space: area.space, page: page), holding)
                }
            }
        }
    }
}
