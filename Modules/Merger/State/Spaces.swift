public import PageMemory

/// Why an area was not taken.
public enum AreaError: Error, Hashable, Sendable {
    /// An area of this identifier is registered already.
    case duplicate(AreaID)
    /// It shares pages with a registered area of the same address space.
    case overlaps(AreaID)
    /// It has no pages.
    case empty
    /// It has more than 2^31 pages.
    case tooLarge

    /// Pages of the largest area.
    public static let largestArea: UInt32 = 1 << 31
}

extension AreaError: CustomStringConvertible {
    /// One line that says what is wrong.
    public var description: String {
        switch self {
        case .duplicate(let id): "area \(id.rawValue) is registered already"
        case .overlaps(let id): "the area shares pages with area \(id.rawValue), which is registered already"
        case .empty: "the area has no pages"
        case .tooLarge: "the area has more than \(AreaError.largestArea) pages: register it in parts"
        }
    }
}

/// One registered area and the chunks of its pages.
struct AreaRecord {
    var area: Area
    /// Chunk by place; ``PageTable/noChunk`` where no page was seen yet.
    var chunks: [UInt32]

    init(_ area: Area) {
        self.area = area
        let count = (UInt64(area.pageCount) + 63) / 64
        chunks = [UInt32](repeating: PageTable.noChunk, count: Int(count))
    }
}

/// An address space and the slots of its areas, by address.
struct SpaceRecord {
    var id: AddressSpaceID
    var slots: [UInt32]
}

/// The registered areas in scan order, and how far the scan has come.
struct Spaces {
    private(set) var areas: [AreaRecord?] = []
    private var freeSlots: [UInt32] = []
    private(set) var slotOfArea: [AreaID: UInt32] = [:]
    private(set) var order: [SpaceRecord] = []

    /// The scan cursor: space, area in the space, page in the area.
    private(set) var cursorSpace = 0
    private(set) var cursorArea = 0
    private(set) var cursorPage: UInt32 = 0

    var isEmpty: Bool { slotOfArea.isEmpty }

    /// The slots of all areas, in scan order: what follows from their order is the same in every run.
    var slots: [UInt32] { order.flatMap(\.slots) }

    /// Adds an area. A new address space comes just before the one being scanned, so that the running scan leaves it
    /// out and the next one reaches it last.
    ///
    /// - Parameter isInArea: Whether the area at the cursor is being scanned already, also if the cursor stands at its start.
    /// - Complexity: O(log n) in the areas of the space, and moving the numbers of those behind it.
    mutating func add(_ area: Area, isInArea: Bool) throws(AreaError) {
        guard area.pageCount > 0 else { throw .empty }
        guard area.pageCount <= AreaError.largestArea else { throw .tooLarge }
        guard slotOfArea[area.id] == nil else { throw .duplicate(area.id) }
        let spaceIndex = order.firstIndex { $0.id == area.space }
        var place = 0
        if let spaceIndex {
            place = self.place(after: area.firstPage, inSpace: spaceIndex)
            // They lie in order and share nothing: only the neighbours can be in the way.
            for neighbour in max(0, place - 1)..<min(place + 1, order[spaceIndex].slots.count) {
                let other = areas[Int(order[spaceIndex].slots[neighbour])]!.area
                if area.firstPage < other.firstPage + UInt64(other.pageCount),
                    other.firstPage < area.firstPage + UInt64(area.pageCount)
                {
                    throw .overlaps(other.id)
                }
            }
        }
        let slot: UInt32
        if let reused = freeSlots.popLast() {
            slot = reused
            areas[Int(slot)] = AreaRecord(area)
        } else {
            slot = UInt32(areas.count)
            areas.append(AreaRecord(area))
        }
        slotOfArea[area.id] = slot
        if let spaceIndex {
            insert(slot, at: place, intoSpace: spaceIndex, isInArea)
        } else if atStart, !isInArea {
            order.append(SpaceRecord(id: area.space, slots: [slot]))
        } else {
            order.insert(SpaceRecord(id: area.space, slots: [slot]), at: cursorSpace)
            cursorSpace += 1
        }
    }

    /// How many areas of a space begin at a page or before it: the place of one that begins there.
    ///
    /// - Complexity: O(log n) in the areas of the space.
    private func place(after firstPage: UInt64, inSpace index: Int) -> Int {
        var places = 0..<order[index].slots.count
        while !places.isEmpty {
            let middle = places.lowerBound + places.count / 2
            if areas[Int(order[index].slots[middle])]!.area.firstPage <= firstPage {
                places = middle + 1..<places.upperBound
            } else {
                places = places.lowerBound..<middle
            }
        }
        return places.lowerBound
    }

    private mutating func insert(_ slot: UInt32, at place: Int, intoSpace index: Int, _ isInArea: Bool) {
        order[index].slots.insert(slot, at: place)
        // An area below the cursor is left out of the running scan; the one being scanned stays it.
        guard index == cursorSpace else { return }
        if place < cursorArea || place == cursorArea && (cursorPage > 0 || isInArea) { cursorArea += 1 }
    }

    /// Whether the scan stands at its start.
    var atStart: Bool { cursorSpace == 0 && cursorArea == 0 && cursorPage == 0 }

    /// Takes an area out, whose chunks the caller has freed.
    mutating func remove(slot: UInt32) {
        let area = areas[Int(slot)]!.area
        let spaceIndex = order.firstIndex { $0.id == area.space }!
        let place = self.place(after: area.firstPage, inSpace: spaceIndex) - 1
        order[spaceIndex].slots.remove(at: place)
        if spaceIndex == cursorSpace {
            if place < cursorArea {
                cursorArea -= 1
            } else if place == cursorArea {
                cursorPage = 0
            }
        }
        if order[spaceIndex].slots.isEmpty {
            order.remove(at: spaceIndex)
            if spaceIndex < cursorSpace {
                cursorSpace -= 1
            } else if spaceIndex == cursorSpace {
                cursorArea = 0
                cursorPage = 0
            }
        }
        areas[Int(slot)] = nil
        slotOfArea[area.id] = nil
        freeSlots.append(slot)
    }

    /// The slot of the area at the cursor; `nil` at the end of a full scan.
    mutating func slotAtCursor() -> UInt32? {
        while cursorSpace < order.count {
            if cursorArea < order[cursorSpace].slots.count {
                let slot = order[cursorSpace].slots[cursorArea]
                if cursorPage < areas[Int(slot)]!.area.pageCount { return slot }
                cursorArea += 1
                cursorPage = 0
            } else {
                cursorSpace += 1
                cursorArea = 0
                cursorPage = 0
            }
        }
        return nil
    }

    mutating func moveCursor(toPage page: UInt32) { cursorPage = page }

    mutating func rewind() {
        cursorSpace = 0
        cursorArea = 0
        cursorPage = 0
    }

    mutating func setChunk(_ chunk: UInt32, slot: UInt32, place: UInt32) {
        areas[Int(slot)]!.chunks[Int(place)] = chunk
    }
}
