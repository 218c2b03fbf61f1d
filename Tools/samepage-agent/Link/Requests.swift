import CLinuxMemory

/// Carries out a request of the daemon and answers it; `false` if the request makes no sense.
func answerRequest(_ kind: WireKind, _ header: WireHeader, _ message: inout WireBuffer) -> Bool {
    guard mayWork() else { return true }
    // Bit by bit, with the work that there is anyway.
    defer { if let cursor = link.leftOverCursor { link.leftOverCursor = returnUnwanted(from: cursor) } }
    switch kind {
    case .observe: return answerObserve(header, &message)
    case .checksum: return answerChecksum(header, &message)
    case .upload: return answerUpload(header, &message)
    case .merge: return answerMerge(header, &message)
    case .unmerge: return answerUnmerge(header, &message)
    case .forget: return answerForget(header, &message)
    case .evacuate: return answerEvacuate(header, &message)
    case .statistics: return answerStatistics(header, &message)
    case .unshare: return answerUnshare(header, &message)
    case .quiet: return answerQuiet(header, &message)
    case .entries: return answerEntries(header, &message)
    default: return false
    }
}

/// Begins the answer to a request.
private func beginAnswer(_ header: WireHeader, count: Int = 0) -> WireBuffer {
    var answer = answerBuffer()
    var head = WireHeader(.hello, isAnswer: true, count: count, sequence: header.sequence)
    head.kind = header.kind
    answer.begin(head)
    return answer
}

/// The list of a request; `nil` if it is not a list of so many, or too long.
private func list<Entry: BitwiseCopyable>(
    _ header: WireHeader, _ message: WireBuffer, of _: Entry.Type, limit: Int
) -> UnsafePointer<Entry>? {
    guard header.count <= UInt32(limit), message.holdsExactly(header.count, of: Entry.self) else { return nil }
    // SAFETY: so many entries are there; the head before them keeps them aligned to 8 bytes, and they stay until the
    // next message is received.
    return unsafe UnsafePointer((message.bytes + message.position).assumingMemoryBound(to: Entry.self))
}

private func isAscending(_ pages: UnsafePointer<WirePage>, count: Int) -> Bool {
    var place = 1
    while place < count {
        // SAFETY: places below the number of pages.
        let (left, right) = unsafe (pages[place - 1], pages[place])
        guard left.area < right.area || left.area == right.area && left.index < right.index else { return false }
        place += 1
    }
    return true
}

private func answerObserve(_ header: WireHeader, _ message: inout WireBuffer) -> Bool {
    guard let range = message.take(WireRange.self), message.remaining == 0, header.count == 0, range.capacity > 0 else {
        return false
    }
    let found = observe(range, capacity: min(Int(range.capacity), WireLimit.runs))
    var answer = beginAnswer(header, count: found.runs)
    _ = answer.append(found.head)
    // SAFETY: so many runs were filled in.
    for place in 0..<found.runs { _ = answer.append(unsafe buffers.runs[place]) }
    send(answer)
    return true
}

private func answerQuiet(_ header: WireHeader, _ message: inout WireBuffer) -> Bool {
    guard let areas = unsafe list(header, message, of: UInt32.self, limit: WireLimit.areasOfMessage) else {
        return false
    }
    let count = Int(header.count)
    let found = unsafe findQuiet(areas, count: count)
    var answer = beginAnswer(header, count: count)
    _ = answer.append(found)
    // SAFETY: a state for each area.
    for place in 0..<count { _ = answer.append(unsafe buffers.states[place]) }
    send(answer)
    return true
}

private func answerChecksum(_ header: WireHeader, _ message: inout WireBuffer) -> Bool {
    guard link.checksum != .daemon,
        let pages = unsafe list(header, message, of: WirePage.self, limit: WireLimit.pages)
    else { return false }
    let count = Int(header.count)
    let done = unsafe takeChecksums(link.checksum, of: pages, count: count)
    var answer = beginAnswer(header, count: count)
    _ = answer.append(done)
    // SAFETY: a digest for each page.
    for place in 0..<count { _ = answer.append(unsafe buffers.digests[place]) }
    send(answer)
    return true
}

private func answerUpload(_ header: WireHeader, _ message: inout WireBuffer) -> Bool {
    guard let pages = unsafe list(header, message, of: WirePage.self, limit: WireLimit.uploadPages) else {
        return false
    }
    var answer = beginAnswer(header)
    _ = answer.append(unsafe upload(pages, count: Int(header.count), to: link.uploadBuffer))
    send(answer)
    if link.uploadBuffer >= 0 { link.uploadTrimDue = now() + seconds(10) }
    return true
}

private func answerMerge(_ header: WireHeader, _ message: inout WireBuffer) -> Bool {
    guard let sites = unsafe list(header, message, of: WireSite.self, limit: WireLimit.sites) else { return false }
    let count = Int(header.count)
    let frames = WireLimit.segments * WireLimit.framesOfSegment
    for place in 0..<count {
        // SAFETY: places below the number of sites; there is room for as many as a request may have.
        let site = unsafe sites[place]
        if place > 0 {
            let before = unsafe sites[place - 1]
            guard before.area < site.area || before.area == site.area && before.index < site.index else { return false }
        }
        guard site.frame < frames || site.frame == wireZeros else { return false }
        unsafe buffers.sites[place] = site
        unsafe buffers.outcomes[place] = .failed
    }
    sendWork(header, count, merge(count: count))
    return true
}

private func answerUnmerge(_ header: WireHeader, _ message: inout WireBuffer) -> Bool {
    guard let pages = unsafe list(header, message, of: WirePage.self, limit: WireLimit.pages),
        unsafe isAscending(pages, count: Int(header.count))
    else { return false }
    sendWork(header, Int(header.count), unsafe unmerge(pages, count: Int(header.count)))
    return true
}

/// Sends what a merge or an unmerge took, and an outcome for each of `count` pages.
private func sendWork(_ header: WireHeader, _ count: Int, _ done: WireWork) {
    var answer = beginAnswer(header, count: count)
    _ = answer.append(done)
    // SAFETY: an outcome for each.
    for place in 0..<count { _ = answer.append(unsafe buffers.outcomes[place].rawValue) }
    send(answer)
}

private func answerUnshare(_ header: WireHeader, _ message: inout WireBuffer) -> Bool {
    guard let range = message.take(WireRange.self), message.remaining == 0, header.count == 0 else { return false }
    var answer = beginAnswer(header)
    _ = answer.append(unshare(range))
    send(answer)
    return true
}

private func answerForget(_ header: WireHeader, _ message: inout WireBuffer) -> Bool {
    guard let range = message.take(WireRange.self), message.remaining == 0 else { return false }
    let found = withAgentLock { () -> (base: UInt, end: UInt)? in
        guard let range = unsafe ranges.find(area: range.area) else { return nil }
        return unsafe (range.pointee.base, range.pointee.end)
    }
    if let found { forgetObservations(base: found.base, end: found.end) }
    send(beginAnswer(header))
    return true
}

private func answerEvacuate(_ header: WireHeader, _ message: inout WireBuffer) -> Bool {
    guard let segment = message.take(WireSegment.self), message.remaining == 0, segment.number < WireLimit.segments
    else {
        return false
    }
    sendWork(header, 0, evacuate(segment: segment.number))
    return true
}

private func answerStatistics(_ header: WireHeader, _ message: inout WireBuffer) -> Bool {
    guard message.remaining == 0 else { return false }
    var answer = beginAnswer(header)
    let known = statistics()
    _ = answer.append(known)
    var count = 0
    forEachRefusal { refusal in
        if answer.append(refusal) { count += 1 }
    }
    answer.setCount(count)
    send(answer)
    return true
}

private func answerEntries(_ header: WireHeader, _ message: inout WireBuffer) -> Bool {
    guard header.count == 0, message.remaining == 0 else { return false }
    work.budget.prepare()
    var entries = WireEntries()
    entries.left = UInt32(clamping: work.budget.entriesLeftForShortest)
    entries.limit = UInt32(clamping: work.budget.limit)
    entries.shortestRun = UInt32(clamping: work.budget.shortestRun ?? Int(UInt32.max))
    var answer = beginAnswer(header)
    _ = answer.append(entries)
    send(answer)
    return true
}
