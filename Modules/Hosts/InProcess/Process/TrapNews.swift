import CLinuxMemory

/// What became of pages whose write was caught.
struct TrapNews {
    enum Kind: UInt8 {
        /// They are anonymous memory now, and tracked.
        case anonymous
        /// The same, but they could not be tracked.
        case untracked
        /// The page could not be, and is copied where it is.
        case rewritten
        /// The page was let go without the lock, and belongs to no context.
        case letGo
    }

    var kind: Kind
    /// The address of the first page.
    var start: UInt
    var pageCount: Int
}

/// Room for news, made at once: whoever serves a write waits for nobody, not for malloc either.
@safe
struct TrapNewsList: ~Copyable {
    private let room: UnsafeMutablePointer<TrapNews>
    private let capacity: Int
    private(set) var count = 0
    /// Whether some found no room.
    private(set) var isIncomplete = false

    init(capacity: Int) {
        self.capacity = capacity
        unsafe room = .allocate(capacity: capacity)
    }

    // SAFETY: nobody has the list any more.
    deinit { unsafe room.deallocate() }

    var isFull: Bool { count == capacity }

    mutating func append(_ kind: TrapNews.Kind, _ start: UInt, pageCount: Int = 1) {
        guard !isFull else {
            isIncomplete = true
            return
        }
        // SAFETY: there is room for one more; the type is plain data.
        unsafe (room + count).initialize(to: TrapNews(kind: kind, start: start, pageCount: pageCount))
        count += 1
    }

    /// Hands over everything, and forgets it; whether nothing was missing.
    mutating func takeAll(_ body: (TrapNews) -> Void) -> Bool {
        defer {
            count = 0
            isIncomplete = false
        }
        // SAFETY: so many have been put in.
        for place in 0..<count { body(unsafe room[place]) }
        return !isIncomplete
    }

    /// Appends everything of another list, and empties that.
    mutating func takeAll(of other: inout TrapNewsList) {
        let isComplete = other.takeAll { append($0.kind, $0.start, pageCount: $0.pageCount) }
        if !isComplete { isIncomplete = true }
    }
}
