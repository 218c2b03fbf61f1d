import PageChecksum
import PageMemory
import PageTree

/// The state of every page that was ever seen, in flat arrays: 20 bytes a page, allocated in chunks of 64 pages when the
/// first page of a chunk appears. Holes cost 4 bytes per 64 pages.
///
/// A page has a number: its chunk times 64 plus its place in the chunk. The unstable tree knows pages by it.
struct PageTable {
    /// Pages of a chunk: as many as a mask has bits.
    static let chunkPages: UInt32 = 64
    static let noChunk = UInt32.max
    /// Chunks that a page link can address.
    static let maximumChunks = (PageLink.payloadMask >> 6)

    /// The latest checksum of a page, by page.
    private(set) var digests: [PageDigest] = []
    private var links: [PageLink] = []
    /// When a page was last seen to have changed, in ticks of ``PageAges``, by page; empty unless that is kept.
    private(set) var changeTimes: [UInt32] = []
    private(set) var keepsChangeTimes = false
    /// The number of the unstable tree that a page was put into, by page; empty while there is only one.
    private var trees: [UInt8] = []
    private(set) var keepsTrees = false
    /// Pages that are not absent and not zeroed, by chunk.
    private(set) var present: [UInt64] = []
    /// Pages that a scan must look at even if the memory reports no change, by chunk.
    private(set) var pending: [UInt64] = []
    /// The area slot that a chunk belongs to, and its place there.
    private(set) var owner: [UInt32] = []
    private(set) var place: [UInt32] = []
    private var free: [UInt32] = []

    /// How many pages are in each state, by raw state.
    private(set) var census = [Int](repeating: 0, count: 8)

    /// The number of pages that the merger keeps an item for (rmap_items in the kernel).
    var itemCount: Int { census.reduce(0, +) - census[Int(PageState.zeroed.rawValue)] }

    /// Pages that there is room for: those of all chunks.
    var pageCount: Int { links.count }

    func count(_ state: PageState) -> Int { census[Int(state.rawValue)] }

    func link(_ page: UInt32) -> PageLink { links[Int(page)] }

    /// The place of a page in its area.
    func index(of page: UInt32) -> UInt32 { place[Int(page >> 6)] << 6 | page & 63 }

    /// The pages of a chunk that are in a state.
    func mask(of state: PageState, chunk: UInt32) -> UInt64 {
        guard present[Int(chunk)] != 0 else { return 0 }
        var mask: UInt64 = 0
        for page in 0..<PageTable.chunkPages where links[Int(chunk << 6 | page)].state == state {
            mask |= 1 << UInt64(page)
        }
        return mask
    }

    mutating func setDigest(_ digest: PageDigest, of page: UInt32) { digests[Int(page)] = digest }

    mutating func setChangeTime(_ tick: UInt32, of page: UInt32) { changeTimes[Int(page)] = tick }

    /// Begins to keep the times of changes, as if all pages had changed at one.
    mutating func keepChangeTimes(from tick: UInt32) {
        keepsChangeTimes = true
        changeTimes = [UInt32](repeating: tick, count: links.count)
    }

    /// Frees the times of changes.
    mutating func forgetChangeTimes() {
        keepsChangeTimes = false
        changeTimes = []
    }

    mutating func setLink(_ link: PageLink, of page: UInt32) {
        let old = links[Int(page)].state
        let new = link.state
        links[Int(page)] = link
        guard old != new else { return }
        if old != .absent { census[Int(old.rawValue)] -= 1 }
        if new != .absent { census[Int(new.rawValue)] += 1 }
        let chunk = Int(page >> 6)
        let bit = UInt64(1) << UInt64(page & 63)
        switch new {
        case .absent, .zeroed:
            present[chunk] &= ~bit
            pending[chunk] &= ~bit
        case .fresh, .settled, .refused:
            present[chunk] |= bit
            pending[chunk] |= bit
        case .unstable, .stable, .planned:
            present[chunk] |= bit
            pending[chunk] &= ~bit
        }
    }

    /// Says whether a scan must look at a page that is present, whatever its state.
    mutating func setPending(_ isPending: Bool, of page: UInt32) {
        let bit = UInt64(1) << UInt64(page & 63)
        if isPending { pending[Int(page >> 6)] |= bit } else { pending[Int(page >> 6)] &= ~bit }
    }

    /// Allocates a chunk for 64 pages of an area; `nil` when page numbers are used up.
    ///
    /// - Complexity: O(1) amortized.
    mutating func allocateChunk(owner area: UInt32, place chunkPlace: UInt32) -> UInt32? {
        if let chunk = free.popLast() {
            owner[Int(chunk)] = area
            place[Int(chunk)] = chunkPlace
            return chunk
        }
        let chunk = UInt32(owner.count)
        guard chunk < PageTable.maximumChunks else { return nil }
        reserve()
        owner.append(area)
        place.append(chunkPlace)
        present.append(0)
        pending.append(0)
        let pages = Int(PageTable.chunkPages)
        digests.append(contentsOf: repeatElement(PageDigest(0), count: pages))
        links.append(contentsOf: repeatElement(PageLink.absent, count: pages))
        if keepsChangeTimes { changeTimes.append(contentsOf: repeatElement(0, count: pages)) }
        if keepsTrees { trees.append(contentsOf: repeatElement(0, count: pages)) }
        return chunk
    }

    /// Gives a chunk back whose pages are all absent or zeroed.
    mutating func freeChunk(_ chunk: UInt32) {
        for page in chunk << 6..<(chunk + 1) << 6 { setLink(.absent, of: page) }
        owner[Int(chunk)] = PageTable.noChunk
        free.append(chunk)
    }

    /// Puts a page into the unstable tree of this number.
    mutating func insert(_ page: UInt32, into tree: inout any PageTree, number: UInt8) {
        if keepsTrees { trees[Int(page)] = number }
        tree.insert(page, in: digests.span)
    }

    /// The number of the unstable tree that a page is in.
    func tree(of page: UInt32) -> Int { keepsTrees ? Int(trees[Int(page)]) : 0 }

    /// Begins to keep which tree a page is in; all trees are empty.
    mutating func keepTrees() {
        keepsTrees = true
        trees = [UInt8](repeating: 0, count: links.count)
    }

    /// There is one tree only.
    mutating func forgetTrees() {
        keepsTrees = false
        trees = []
    }

    func remove(_ page: UInt32, from tree: inout any PageTree) { tree.remove(page, in: digests.span) }

    /// Grows by a quarter, not by doubling: the tables are the merger's largest memory.
    private mutating func reserve() {
        let needed = links.count + Int(PageTable.chunkPages)
        guard needed > links.capacity else { return }
        let pages = max(1024, needed + needed / 4)
        digests.reserveCapacity(pages)
        links.reserveCapacity(pages)
        if keepsChangeTimes { changeTimes.reserveCapacity(pages) }
    }
}
