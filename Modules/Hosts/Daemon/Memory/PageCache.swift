import PageMemory

/// Copies of clients' pages, for comparisons byte by byte: each page is fetched at most once for a batch.
@safe
struct PageCache: ~Copyable {
    /// Pages that fit.
    static let capacity = 512
    private let pageSize: Int
    /// The copies; allocated when first needed.
    private var memory: UnsafeMutableRawPointer?
    /// Where a page lies; -1 when it could not be read.
    private var places: [PageAddress: Int] = [:]
    private(set) var used = 0

    init(pageSize: Int) { self.pageSize = pageSize }

    deinit {
        // SAFETY: allocated by `room`.
        unsafe memory?.deallocate()
    }

    /// What is known of a page is out of date.
    mutating func clear() {
        used = 0
        if !places.isEmpty { places.removeAll(keepingCapacity: true) }
    }

    /// Forgets everything, and gives the memory back.
    mutating func trim() {
        clear()
        // SAFETY: no page is known that lies there.
        unsafe memory?.deallocate()
        unsafe memory = nil
    }

    /// How many more pages fit.
    var free: Int { PageCache.capacity - used }

    func contains(_ page: PageAddress) -> Bool { places[page] != nil }

    /// The copy of a page; `nil` when it is not there or could not be read.
    func bytes(of page: PageAddress) -> UnsafeMutableRawPointer? {
        guard let place = places[page], place >= 0 else { return nil }
        // SAFETY: places lie within the block.
        return unsafe memory.map { unsafe $0 + place * pageSize }
    }

    /// Room for the next pages, at most ``free``.
    mutating func room() -> UnsafeMutableRawPointer {
        // SAFETY: the block is freed by deinit.
        let block = unsafe memory ?? .allocate(byteCount: PageCache.capacity * pageSize, alignment: 64)
        unsafe memory = block
        return unsafe block + used * pageSize
    }

    /// The first pages in the room stay; the place of the first of them.
    mutating func keep(_ count: Int) -> Int {
        defer { used += count }
        return used
    }

    /// What lies at a place.
    func copy(at place: Int) -> UnsafeMutableRawPointer {
        // SAFETY: places come from `keep`, after `room` has allocated the block.
        unsafe memory! + place * pageSize
    }

    /// The next page lies in the room, or could not be read; its place there is taken in any case.
    mutating func add(_ page: PageAddress, isRead: Bool) {
        places[page] = isRead ? used : -1
        used += 1
    }
}
