internal import CLinuxMemory

/// mremap. The kernel would let a merged run grow into the frames that follow it: memory over frames is moved and made
/// longer piece by piece instead. The last argument is variadic in C.
@c(mremap)
public func interposedMremap(
    _ old: UInt, _ oldSize: Int, _ newSize: Int, _ flags: Int32, _ address: UInt
) -> Int {
    answer(withMapEntries { remapForProgram(old, oldSize, newSize, flags, address) })
}

func remapForProgram(_ old: UInt, _ oldSize: Int, _ newSize: Int, _ flags: Int32, _ address: UInt) -> Int {
    if let end = pageEnd(old, oldSize), ownPlace(old, end) != nil { return -Int(LM_EFAULT) }
    if flags & Int32(LM_MREMAP_FIXED) != 0, let end = pageEnd(address, newSize), ownPlace(address, end) != nil {
        return -Int(LM_ENOMEM)
    }
    let call = { nextMremap(old, oldSize, newSize, flags, address) }
    guard isWatching, let request = MoveRequest(old, oldSize, newSize, flags, address), enterCall() else {
        return call()
    }
    guard ranges.touches(request.old, request.oldEnd) else {
        let result = call()
        request.takeAnswer(result)
        AgentLock.release()
        return result
    }
    let result = request.perform { nextMremap(old, oldSize, newSize, flags, address) }
    AgentLock.release()
    guard let result else { return performJob(.move(request)) }
    return result
}

/// What a program asks of mremap, in whole pages; only where the kernel would not say EINVAL.
struct MoveRequest {
    /// The first address.
    let old: UInt
    let oldSize: UInt
    let newSize: UInt
    let flags: Int32
    /// Where to, with MREMAP_FIXED.
    let target: UInt

    /// Takes the arguments; `nil` where the kernel refuses them, or does something that is not for private memory.
    init?(_ old: UInt, _ oldSize: Int, _ newSize: Int, _ flags: Int32, _ address: UInt) {
        let known = Int32(LM_MREMAP_MAYMOVE | LM_MREMAP_FIXED | LM_MREMAP_DONTUNMAP)
        guard flags & ~known == 0, let oldEnd = pageEnd(old, oldSize), oldEnd > old, newSize != 0,
            let newEnd = pageEnd(0, newSize), newEnd > 0, oldEnd <= 1 << 52, newEnd < 1 << 47
        else { return nil }
        self.old = old
        self.oldSize = oldEnd - old
        self.newSize = newEnd
        self.flags = flags
        target = address
        let needsMove = Int32(LM_MREMAP_FIXED | LM_MREMAP_DONTUNMAP)
        guard flags & needsMove != 0 else { return }
        guard flags & Int32(LM_MREMAP_MAYMOVE) != 0 else { return nil }
        if leavesOld, self.oldSize != self.newSize { return nil }
        guard isFixed else { return }
        guard let targetEnd = pageEnd(address, Int(bitPattern: newEnd)), targetEnd > address else { return nil }
        // The kernel does not move memory over itself.
        if address < oldEnd, old < targetEnd { return nil }
    }

    /// The address after the last.
    var oldEnd: UInt { old + oldSize }
    /// MREMAP_FIXED.
    var isFixed: Bool { flags & Int32(LM_MREMAP_FIXED) != 0 }
    /// MREMAP_DONTUNMAP: the old place stays mapped, empty.
    var leavesOld: Bool { flags & Int32(LM_MREMAP_DONTUNMAP) != 0 }
    /// MREMAP_MAYMOVE.
    var mayMove: Bool { flags & Int32(LM_MREMAP_MAYMOVE) != 0 }
    /// Nothing moves and nothing grows: the kernel looks at the first mapping only, whatever follows.
    var onlyShrinks: Bool { newSize <= oldSize && !isFixed && !leavesOld }

    /// The kernel (Linux 6.17 or later) moves several mappings at once where the size stays, one after the other, and
    /// gives up at the first that is tracked: those before it have moved then.
    var mayStopHalfway: Bool { isFixed && newSize == oldSize }

    /// Does it in the caller's thread, the lock being held; `nil` where the agent's thread must.
    ///
    /// Where we have replaced or track pages, one mapping of the program's has become several, which the kernel refuses to
    /// move as one.
    func perform(_ call: () -> Int) -> Int? {
        let isOne = onlyShrinks || !mayStopHalfway || oldSize == 4096 || MappingProbe.isOneMapping(old, oldEnd)
        if isOne, onlyShrinks || !ranges.hasFrames(old, oldEnd) {
            let result = call()
            takeAnswer(result)
            if lm_is_error(result) == 0 { ringDoorbellOnce() }
            if result != -Int(LM_EFAULT) { return result }
        }
        let result = runHere()
        if let result, lm_is_error(result) == 0 { ringDoorbellOnce() }
        return result
    }

    /// The kernel has answered: the tables follow. The lock is held.
    func takeAnswer(_ result: Int) {
        if lm_is_error(result) == 0 { return keepBooks(UInt(bitPattern: result)) }
        // Before it fails it may have made room at the new place, and cut off the end of the old.
        if isFixed { forgetUnmapped(target, target + newSize) }
        if newSize < oldSize { forgetUnmapped(old + newSize, oldEnd) }
    }

    /// The kernel has done it: the tables follow. The lock is held.
    func keepBooks(_ place: UInt) {
        if place == old {
            if newSize < oldSize { forget(old + newSize, oldEnd) }
            if newSize > oldSize { addTail(place) }
            return
        }
        forget(place, place + newSize)
        let moved = min(oldSize, newSize)
        carryOver(place, moved)
        if newSize > oldSize { addTail(place) }
        if leavesOld { ranges.markDiscarded(old, oldEnd, isReplaced: false) } else { forget(old, oldEnd) }
    }

    /// What was wanted, and the program's own, at the old place is so at the new one.
    private func carryOver(_ place: UInt, _ size: UInt) {
        carryOwn(place, size)
        var address = old
        while let run = ranges.wantedRun(from: address, limit: old + size) {
            // Without memory it is not merged there.
            _ = want(place + (run.start - old), place + (run.end - old))
            address = run.end
        }
    }

    /// What the program mapped itself has moved.
    func carryOwn(_ place: UInt, _ size: UInt) {
        let end = old + size
        var address = ownMappings.nextOwn(from: old, limit: end)
        while address < end {
            let ownEnd = ownMappings.endOfOwn(from: address, limit: end)
            ownMappings.add(place + (address - old), place + (ownEnd - old), isOrdinary: true)
            address = ownMappings.nextOwn(from: ownEnd, limit: end)
        }
    }

    /// The new pages at the end are what the last old one was.
    private func addTail(_ place: UInt) {
        let start = place + oldSize
        let end = place + newSize
        forget(start, end)
        addOwnTail(place)
        let last = oldEnd - 4096
        if ranges.wantedRun(from: last, limit: oldEnd) != nil { _ = want(start, end) }
    }

    /// They are the program's own if the last old one was.
    func addOwnTail(_ place: UInt) {
        let last = oldEnd - 4096
        guard ownMappings.nextOwn(from: last, limit: oldEnd) == last else { return }
        ownMappings.add(place + oldSize, place + newSize, isOrdinary: true)
    }
}

extension RangeTable {
    /// The first run of wanted pages from an address on, within one range.
    func wantedRun(from address: UInt, limit: UInt) -> (start: UInt, end: UInt)? {
        var run: (start: UInt, end: UInt)?
        unsafe forEachPart(address, limit) { range, first, last in
            guard run == nil else { return }
            var page = first
            // SAFETY: places of the range's own pages.
            while unsafe page < last && range.pointee.entries[page].isGone { page += 1 }
            guard page < last else { return }
            var end = page + 1
            while unsafe end < last && !range.pointee.entries[end].isGone { end += 1 }
            let base = unsafe range.pointee.base
            run = (base + UInt(page) << 12, base + UInt(end) << 12)
        }
        return run
    }
}
