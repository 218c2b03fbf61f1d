import PageMemory

/// A page of a program as it must be: what was written to it last, and what was said of it.
struct ModelPage {
    var node: UInt8
    var isMergeable = false
    /// `nil` until it is touched, and after it was discarded.
    var content: [UInt8]?
    var pins = 0
}

/// A program as it must be; a plain copy at a fork.
struct ModelProgram {
    let id: AddressSpaceID
    var pages: [UInt64: ModelPage] = [:]

    /// The child of a fork: I/O is the parent's.
    func child(_ id: AddressSpaceID) -> ModelProgram {
        var child = ModelProgram(id: id, pages: pages)
        for page in pages.keys { child.pages[page]!.pins = 0 }
        return child
    }

    func maps(all range: Range<UInt64>) -> Bool { range.allSatisfy { pages[$0] != nil } }
    func maps(any range: Range<UInt64>) -> Bool { range.contains { pages[$0] != nil } }
}

/// A page of one address space.
struct ModelPlace: Hashable {
    var space: AddressSpaceID
    var page: UInt64
}

/// How often things happened that a proof is worth nothing without.
struct Evidence {
    private(set) var counts: [String: Int] = [:]

    mutating func note(_ event: String, _ count: Int = 1) {
        if count > 0 { counts[event, default: 0] += count }
    }

    mutating func add(_ other: Evidence) {
        for (event, count) in other.counts { note(event, count) }
    }

    /// All that must have happened at least once in a long run.
    static let expected = [
        "fork", "fork in a scan", "exit", "exit in a scan", "remap", "remap in a scan", "unmap", "pin", "EBUSY",
        "limit set", "nodes set", "fault for want of memory", "merge for want of memory", "unmerge for want of memory",
        "blind observation", "quiet point", "frame beyond the limit", "chain", "given back", "one physical page",
        "strike at examined", "strike at verified", "strike at mapped", "strike at unmerged",
    ]
}
