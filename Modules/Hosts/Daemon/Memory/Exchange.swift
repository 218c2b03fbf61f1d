import Wire

/// One page of a step that goes to agents.
struct PageWork {
    /// The place of the connection.
    var slot: Int32
    /// The agent's number of the area.
    var area: UInt32
    var index: UInt32
    /// The frame to map, or `wireZeros`; 0 where it is not about merging.
    var frame: UInt32
    /// Its place in the list that the step is about.
    var place: UInt32

    /// By connection, then as messages want it.
    @inline(__always)
    static func isBefore(_ left: PageWork, _ right: PageWork) -> Bool {
        if left.slot != right.slot { return left.slot < right.slot }
        return left.area != right.area ? left.area < right.area : left.index < right.index
    }
}

/// The pages of a step that are one client's.
struct Share {
    var slot: Int32
    /// The first page that no request has asked about yet.
    var next: Int
    var end: Int
    /// The pages of the request under way; empty when there is none.
    var posted = 0..<0
}

extension DaemonMemory {
    /// Sorts the pages in the scratch, and parts them by client.
    func partWork() {
        let count = scratch.work.count
        var isSorted = true
        for place in 1..<max(1, count)
        where PageWork.isBefore(scratch.work[place], scratch.work[place - 1]) {
            isSorted = false
            break
        }
        if !isSorted { scratch.work.sort(by: PageWork.isBefore) }
        scratch.shares.removeAll(keepingCapacity: true)
        for place in 0..<count {
            if let last = scratch.shares.last, last.slot == scratch.work[place].slot {
                scratch.shares[scratch.shares.count - 1].end = place + 1
            } else {
                scratch.shares.append(Share(slot: scratch.work[place].slot, next: place, end: place + 1))
            }
        }
    }

    /// Asks all clients concerned about their pages, some at a time: each gets a request before the first answer
    /// is awaited, and so on until all pages are dealt with.
    ///
    /// - Parameters:
    ///   - kind: The request.
    ///   - limit: Pages of one request.
    ///   - prepare: Called before a request with its pages; `false` gives the client up.
    ///   - write: Adds an entry for a page to the message.
    ///   - read: Takes the answer to a request from the connection; `nil` in its place when there is none.
    @inline(__always)
    func exchange(
        _ kind: WireKind, limit: Int,
        prepare: (AgentConnection, Range<Int>) -> Bool = { _, _ in true },
        write: (AgentConnection, PageWork) -> Void, read: (AgentConnection?, Range<Int>) -> Void
    ) {
        partWork()
        var isUnderWay = true
        while isUnderWay {
            isUnderWay = false
            for place in scratch.shares.indices {
                let share = scratch.shares[place]
                guard share.next < share.end else { continue }
                let pages = share.next..<min(share.next + limit, share.end)
                guard let connection = connection(share.slot), prepare(connection, pages) else {
                    read(nil, share.next..<share.end)
                    scratch.shares[place].next = share.end
                    continue
                }
                connection.beginRequest(kind)
                for page in pages { write(connection, scratch.work[page]) }
                scratch.shares[place].next = pages.upperBound
                isUnderWay = true
                guard connection.post(kind, entries: pages.count) else {
                    read(nil, pages)
                    continue
                }
                scratch.shares[place].posted = pages
            }
            for place in scratch.shares.indices where !scratch.shares[place].posted.isEmpty {
                let pages = scratch.shares[place].posted
                scratch.shares[place].posted = 0..<0
                read(connection(scratch.shares[place].slot), pages)
            }
        }
    }
}
