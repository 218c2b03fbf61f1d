public import PageMemory

/// What a merger must be told about the areas of a memory.
public enum AreaChange: Hashable, Sendable {
    /// A new area.
    case added(Area)
    /// An area that is no more: its process has ended, or nothing in it was mergeable for a whole observation.
    case removed(AreaID)
}

/// The areas that follow from the advice of programs.
///
/// An area never changes: what is not mergeable any more in it is reported as discarded by the next observation, so that, as
/// in the kernel, the merger's items and counters drop on its next pass.
extension SimulatedMemory {
    /// The registered areas, by number. O(areas)
    public var registeredAreas: [Area] { areas.values.sorted { $0.id < $1.id } }

    /// What has happened to areas since the last call, in order.
    public func takeAreaChanges() -> [AreaChange] {
        defer { areaChanges = [] }
        return areaChanges
    }

    /// Pages of the largest area that a merger takes; longer mappings become several areas.
    private static let largestArea: UInt64 = 1 << 31

    /// Makes areas of the mergeable pages of a range that no area covers. O(areas)
    func coverMergeable(of space: AddressSpaceID, in pages: Range<UInt64> = 0..<UInt64.max) {
        let mergeable = spaces[space]?.mappings.parts(of: pages).filter(\.isMergeable).map(\.pages) ?? []
        for range in uncovered(mergeable, of: space) {
            var first = range.lowerBound
            while first < range.upperBound {
                let count = UInt32(min(range.upperBound - first, Self.largestArea))
                let area = Area(id: AreaID(rawValue: nextArea), space: space, firstPage: first, pageCount: count)
                nextArea += 1
                areas[area.id] = area
                areaChanges.append(.added(area))
                forgetObservations(of: area.id)
                first += UInt64(count)
            }
        }
        for id in Array(emptyUntil.keys) where areas[id].map(hasMergeable) ?? true { emptyUntil[id] = nil }
    }

    /// The parts of ranges (ascending) that no area of a space covers; neighbouring ones joined. O(areas + ranges)
    /// and sorting those that overlap.
    func uncovered(_ ranges: [Range<UInt64>], of space: AddressSpaceID) -> [Range<UInt64>] {
        guard let start = ranges.first?.lowerBound, let end = ranges.last?.upperBound else { return [] }
        let covered = areas.values.filter { $0.space == space && $0.pages.overlaps(start..<end) }
            .map(\.pages).sorted { $0.lowerBound < $1.lowerBound }
        var found: [Range<UInt64>] = []
        func add(_ range: Range<UInt64>) {
            if let last = found.last, last.upperBound == range.lowerBound {
                found[found.count - 1] = last.lowerBound..<range.upperBound
            } else if !range.isEmpty {
                found.append(range)
            }
        }
        var next = 0
        for range in ranges {
            var first = range.lowerBound
            while next < covered.count, covered[next].upperBound <= first { next += 1 }
            var index = next
            while index < covered.count, covered[index].lowerBound < range.upperBound {
                if covered[index].lowerBound > first { add(first..<covered[index].lowerBound) }
                first = max(first, covered[index].upperBound)
                index += 1
            }
            if first < range.upperBound { add(first..<range.upperBound) }
        }
        return found
    }

    /// Drops an area of which every page was observed while nothing in it was mergeable.
    func dropIfEmpty(_ area: Area, observed: Range<UInt32>) {
        guard !hasMergeable(area) else {
            emptyUntil[area.id] = nil
            return
        }
        let done = emptyUntil[area.id] ?? 0
        guard observed.lowerBound <= done else { return }
        emptyUntil[area.id] = max(done, observed.upperBound)
        if emptyUntil[area.id] == area.pageCount { remove(area.id) }
    }

    /// Forgets an area, and lets the merger be told.
    func remove(_ id: AreaID) {
        areas[id] = nil
        emptyUntil[id] = nil
        areaChanges.append(.removed(id))
    }

    private func hasMergeable(_ area: Area) -> Bool {
        let range = area.pages
        return spaces[area.space]?.mappings.parts(of: range).contains(where: \.isMergeable) ?? false
    }
}

extension Area {
    /// Its pages, by their numbers in the address space.
    var pages: Range<UInt64> { firstPage..<firstPage + UInt64(pageCount) }
}
