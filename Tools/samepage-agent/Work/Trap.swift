import CLinuxMemory

// What the thread of ``TrapState`` does about a write. It works under the lock, with the remapper's page map.

/// Lets the write to a page happen.
func serveTrap(_ context: Int32, _ page: UInt) {
    while trap.context == context {
        if AgentLock.acquireForTrap() {
            if trap.context == context { giveOwnMemory(context, page) }
            AgentLock.release()
            break
        }
        // Only the context that has a page can take it out: nothing happens where others have mapped something meanwhile.
        let result = lm_uffd_unregister(context, page, 4096)
        if result == 0 { trap.news.note(page) }
        if result != -Int32(LM_ENOMEM) || letGoAround(context, page) { break }
        lm_yield()
    }
    _ = lm_uffd_wake(context, page, 4096)
}

/// Takes the whole mapping of a page out of the context, for which no map entry is needed.
private func letGoAround(_ context: Int32, _ page: UInt) -> Bool {
    guard case .mapping(let entry) = unsafe kernelMap.ask(page), entry.start <= page else { return false }
    guard lm_uffd_unregister(context, entry.start, Int(entry.end - entry.start)) == 0 else { return false }
    _ = lm_uffd_wake(context, entry.start, Int(entry.end - entry.start))
    trap.news.noteMany()
    return true
}

/// Gives a page, and its block, anonymous memory. The lock is held.
private func giveOwnMemory(_ context: Int32, _ address: UInt) {
    let position = ranges.firstPosition(endingAfter: address)
    // SAFETY: a range of the table.
    guard let remapper = unsafe work.remapper, position < ranges.count, unsafe ranges[position].pointee.base <= address
    else {
        // What lies there now may be protected by somebody else. Where a map entry is missing it is not: only the context
        // that has a page could be split off.
        if lm_uffd_unregister(context, address, 4096) == -Int32(LM_ENOMEM) { letGo(context, address) }
        return
    }
    let range = unsafe ranges[position]
    let page = unsafe UInt32((address - range.pointee.base) >> 12)
    // Another page of its block has been written, or it was taken from the context.
    guard unsafe range.entry(page).liesOverFrame else { return letGo(context, address) }
    let pagemap = unsafe remapper.pointee.tracker.pagemap
    var aside = trap.hasLostAside ? 0 : agentMemory.address(of: .aside)
    guard unsafe range.pointee.area != 0, trap.news.entriesLeft >= 2, agentMemory.canMerge,
        let block = unsafe TrappedBlock(around: address, in: replaceablePart(range, page), pagemap: pagemap),
        unsafe block.becomeAnonymous(aside: &aside, advice: range.pointee.advice)
    else {
        // The kernel copies it where it is.
        unsafe range.noteRewritten(page)
        return letGo(context, address)
    }
    if aside == 0 { trap.hasLostAside = true }
    let first = unsafe Int((block.start - range.pointee.base) >> 12)
    for page in first..<first + block.pageCount { unsafe range.pointee.entries[page].becomeAnonymous() }
    unsafe ranges.noteChange(range)
    trap.news.entries += 2
    trap.news.entriesLeft -= 2
    trap.news.writes &+= 1
    if unsafe lm_uffd_register(remapper.pointee.tracker.context, block.start, block.size, LM_UFFD_MODE_WP) != 0 {
        unsafe range.raise(AgentRange.lacksTracking)
    }
    _ = lm_uffd_wake(context, block.start, block.size)
}

/// Lifts the protection of a page, which takes no map entries. No window is open, as the lock is held.
private func letGo(_ context: Int32, _ address: UInt) { _ = lm_uffd_write_protect(context, address, 4096, 0) }

/// The addresses around a page between which pages lie over frames and may be replaced, as far as a block can reach. Empty if
/// the page is none of them.
private func replaceablePart(_ range: UnsafeMutablePointer<AgentRange>, _ page: UInt32) -> (start: UInt, end: UInt) {
    func isReplaceable(_ page: UInt32) -> Bool {
        let entry = unsafe range.entry(page)
        return entry.liesOverFrame && entry.isMergeable
    }
    guard isReplaceable(page) else { return (0, 0) }
    let reach = UInt32(TrappedBlock.capacity)
    var first = page
    while first > 0, page - first < reach, isReplaceable(first - 1) { first -= 1 }
    var end = page + 1
    while unsafe end < range.pointee.pageCount, end - page < reach, isReplaceable(end) { end += 1 }
    return unsafe (range.address(of: first), range.address(of: end))
}
