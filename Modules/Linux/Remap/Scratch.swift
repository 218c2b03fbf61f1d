internal import CLinuxMemory

/// Buffers that a merge needs, in one mapping of our own.
@safe
struct Scratch {
    /// Where the mapping begins.
    let address: UInt

    /// Messages read at a time.
    static let messageCapacity = 64
    /// Bytes of the mapping.
    static let size = 16384

    /// Page map entries of the window.
    var windowMap: UnsafeMutablePointer<UInt64> {
        // SAFETY: the first 4096 bytes of the mapping, used as nothing else.
        unsafe UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped
    }

    /// Page map entries of the staging area.
    var stageMap: UnsafeMutablePointer<UInt64> {
        // SAFETY: the second 4096 bytes.
        unsafe UnsafeMutablePointer(bitPattern: address + 4096).unsafelyUnwrapped
    }

    /// Where each page of the batch stands.
    var states: UnsafeMutablePointer<PageState> {
        // SAFETY: one byte for each page, in the third 4096 bytes.
        unsafe UnsafeMutablePointer(bitPattern: address + 8192).unsafelyUnwrapped
    }

    /// Messages of the context.
    var messages: UnsafeMutablePointer<lm_uffd_message> {
        // SAFETY: 64 messages of 32 bytes, in the fourth 4096 bytes.
        unsafe UnsafeMutablePointer(bitPattern: address + 12288).unsafelyUnwrapped
    }
}

/// Where a page of a batch stands.
enum PageState: UInt8 {
    /// Its outcome is decided.
    case decided
    /// It lies in the window and was equal at the first compare.
    case equal
    /// It lies in the staging area.
    case moved
    /// It was equal at the second compare (a moved page lies in the staging area).
    case ready
}

/// The pages of one merge, and what happened to them so far.
@safe
struct Batch {
    /// The address of the window.
    let base: UInt
    /// The address in the staging area that stands for `base`.
    let stage: UInt
    /// Bytes in a page.
    let pageSize: Int
    /// Pages in the window.
    let pageCount: Int
    /// Pages to merge.
    let count: Int
    /// Buffers.
    let scratch: Scratch
    /// The pages, ascending.
    let pages: UnsafeMutablePointer<RemapPage>
    /// What was done.
    var report = RemapReport()
    /// The part of the staging area that was used, in places of the window.
    var usedStage = 0..<0

    init(
        base: UInt, pageCount: Int, pages: UnsafeMutablePointer<RemapPage>, count: Int, pageSize: Int, staging: UInt,
        scratch: Scratch
    ) {
        self.base = base
        self.stage = staging + base % Remapper.hugePage
        self.pageSize = pageSize
        self.pageCount = pageCount
        self.count = count
        self.scratch = scratch
        unsafe self.pages = pages
    }

    /// Bytes of the window.
    var size: Int { pageCount * pageSize }

    /// Whether the pages are ascending places in a window that is not too large.
    var isValid: Bool {
        guard pageCount > 0, pageCount <= Remapper.windowCapacity, count > 0, count <= pageCount else { return false }
        guard base % UInt(pageSize) == 0 else { return false }
        var next = 0
        for position in 0..<count {
            let index = place(position)
            if index < next { return false }
            next = index + 1
        }
        return next <= pageCount
    }

    /// The page at a position, 0 up to `count`.
    subscript(position: Int) -> RemapPage {
        // SAFETY: the caller of the merge gave `count` pages; positions come from loops up to `count`.
        unsafe pages[position]
    }

    /// The page's place in the window.
    func place(_ position: Int) -> Int {
        // SAFETY: as above.
        unsafe Int(pages[position].index)
    }

    /// The page's address in the window.
    func address(_ position: Int) -> UInt { base + UInt(place(position) * pageSize) }

    /// The page's address in the staging area.
    func stageAddress(_ position: Int) -> UInt { stage + UInt(place(position) * pageSize) }

    /// Where the page stands.
    func state(_ position: Int) -> PageState {
        // SAFETY: one state for each page, and at most 512 pages.
        unsafe scratch.states[position]
    }

    /// Notes that another process maps the page.
    func noteShared(_ position: Int) {
        // SAFETY: as above.
        unsafe pages[position].isShared = true
    }

    /// Notes where the page stands.
    func set(_ position: Int, _ state: PageState) {
        // SAFETY: as above.
        unsafe scratch.states[position] = state
    }

    /// Decides what became of a page.
    mutating func decide(_ position: Int, _ outcome: RemapOutcome) {
        // SAFETY: as above.
        unsafe pages[position].outcome = outcome
        set(position, .decided)
        if outcome == .merged { report.merged &+= 1 }
    }

    /// Decides for all pages that stand at `state`.
    mutating func decideAll(_ state: PageState, _ outcome: RemapOutcome) {
        for position in 0..<count where self.state(position) == state { decide(position, outcome) }
    }

    /// Whether the page lies in anonymous memory, so that it moves.
    func moves(_ position: Int) -> Bool {
        switch self[position].kind {
        case .frame, .zeros: true
        case .shared, .sharedZeros: false
        }
    }

    /// The end of the run of pages at neighbouring places that begins at a position and all satisfy a state.
    func endOfRun(from position: Int, state: PageState, moving: Bool) -> Int {
        var end = position
        while end < count, place(end) == place(position) + (end - position), self.state(end) == state,
            moves(end) == moving
        { end += 1 }
        return end
    }
}
