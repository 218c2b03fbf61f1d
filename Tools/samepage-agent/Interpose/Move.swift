internal import CLinuxMemory

extension MoveRequest {
    /// What the old place is, by the kernel's map.
    private struct Ground {
        var protection: Int32 = 0
        var advice = RemapAdvice.none
        /// All of it is mapped.
        var isWhole = false
        /// Its parts differ in what they allow: the program has made several mappings of it.
        var isMixed = false
        /// The map could not be read.
        var isUnknown = false
        /// The last page lies over a frame.
        var endsInFrames = false
    }

    /// Does it in the caller's thread, the lock being held; `nil` where only the kernel's map knows enough.
    func runHere() -> Int? {
        let first = MappingProbe.growth(old, old + 4096)
        // The kernel refuses sealed memory before it looks at anything else.
        if first == -Int(LM_EPERM) { return first }
        guard !leavesOld else { return nil }
        var ground = Ground()
        if mayStopHalfway {
            // As it is, whatever it is.
            guard isMapped() else { return nil }
        } else {
            guard first != -Int(LM_EFAULT), let advice = ranges.knownAdvice(old, oldEnd) else { return nil }
            ground.protection = Int32(LM_PROT_READ | LM_PROT_WRITE)
            ground.advice = advice
            ground.endsInFrames = ranges.entry(at: oldEnd - 4096).liesOverFrame
            if newSize > oldSize, ground.endsInFrames {
                guard MappingProbe.endOfFrames(from: oldEnd - 4096, limit: oldEnd) == oldEnd else { return nil }
            }
        }
        return perform(ground)
    }

    /// Whether something is mapped at all of the old place.
    private func isMapped() -> Bool {
        var address = old
        while address < oldEnd {
            let end = endOfPiece(from: address, limit: oldEnd)
            guard end > address else { return false }
            address = end
        }
        return true
    }

    /// Does it, on the agent's thread: memory of several mappings, of which some may lie over frames. What the kernel's
    /// mremap would answer for one mapping.
    func run() -> Int {
        // What stays behind must read as zeros, which frames cannot.
        if leavesOld {
            // Pages that wait to be looked at are not copied.
            if ranges.needExamination { examineRanges() }
            _ = unmergeForProgram(old, oldEnd)
        }
        guard AgentLock.acquire() else { return -Int(LM_ENOMEM) }
        defer { AgentLock.release() }
        let ground = look()
        if ground.isUnknown { return -Int(LM_ENOMEM) }
        // Several mappings may only move as they are.
        guard ground.isWhole, !ground.isMixed || mayStopHalfway && !leavesOld else { return -Int(LM_EFAULT) }
        if leavesOld, ranges.hasFrames(old, oldEnd) { return -Int(LM_ENOMEM) }
        return perform(ground)
    }

    /// Does it, on ground that allows it.
    private func perform(_ ground: Ground) -> Int {
        if !isFixed, !leavesOld {
            if newSize == oldSize { return Int(bitPattern: old) }
            if growInPlace(ground) { return Int(bitPattern: old) }
            if !mayMove { return -Int(LM_ENOMEM) }
        }
        return move(ground)
    }

    /// Reads what the old place is.
    private func look() -> Ground {
        var ground = Ground()
        var walk = MapWalk()
        var address = old
        var first = WireReason.notExamined
        while address < oldEnd, let entry = walk.next(from: address, limit: oldEnd) {
            if entry.start > address { return ground }
            // What is no memory of the kind that merges is a mapping of its own.
            let kind = entry.isSharedOrFile && !entry.isSegment ? WireReason.sharedOrFile : entry.obstacle
            if address == old { first = kind }
            if address != old,
                entry.protection != ground.protection || entry.advice != ground.advice || kind != first
                    || kind == .sharedOrFile
            {
                ground.isMixed = true
            }
            ground.protection = entry.protection
            ground.advice = entry.advice
            ground.endsInFrames = entry.isSegment
            address = entry.end
        }
        ground.isUnknown = !walk.isWell
        ground.isWhole = address >= oldEnd
        return ground
    }

    /// Maps more behind the last page, if nothing is there.
    private func growInPlace(_ ground: Ground) -> Bool {
        let isDone =
            ground.endsInFrames
            ? mapEmpty(oldEnd, newSize - oldSize, ground, Int32(LM_MAP_FIXED_NOREPLACE))
            : lm_is_error(lm_mremap(oldEnd - 4096, 4096, Int(newSize - oldSize) + 4096, 0, 0)) == 0
        guard isDone else { return false }
        keepBooks(old)
        return true
    }

    /// Maps memory like the old.
    private func mapEmpty(_ address: UInt, _ size: UInt, _ ground: Ground, _ how: Int32) -> Bool {
        var flags = Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS) | how
        if ground.advice.contains(.noReserve) { flags |= Int32(LM_MAP_NORESERVE) }
        let result = lm_mmap(address, Int(size), ground.protection, flags, -1, 0)
        guard lm_is_error(result) == 0 else { return false }
        // A kernel before 4.17 takes the address for a hint.
        guard UInt(bitPattern: result) == address else {
            _ = lm_munmap(UInt(bitPattern: result), Int(size))
            return false
        }
        advise(address, address + size, ground.advice)
        return true
    }

    /// Moves piece by piece to a place that is kept free for it.
    private func move(_ ground: Ground) -> Int {
        let flags = LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_NORESERVE
        let kept = lm_mmap(
            isFixed ? target : 0, Int(newSize), Int32(LM_PROT_NONE),
            Int32(isFixed ? flags | LM_MAP_FIXED : flags), -1, 0)
        guard lm_is_error(kept) == 0 else { return kept }
        let place = UInt(bitPattern: kept)
        forget(place, place + newSize)
        let moved = min(oldSize, newSize)
        let tail = newSize - moved
        guard tail == 0 || !ground.endsInFrames || mapEmpty(place + oldSize, tail, ground, Int32(LM_MAP_FIXED)),
            expect(place, moved), movePieces(place, moved, tail: ground.endsInFrames ? 0 : tail)
        else {
            _ = lm_munmap(place, Int(newSize))
            forget(place, place + newSize)
            return -Int(LM_ENOMEM)
        }
        if newSize < oldSize {
            _ = lm_munmap(old + newSize, Int(oldSize - newSize))
        }
        finish(place)
        return kept
    }

    /// Before anything moves there is a range for what comes, which knows what lies over frames.
    private func expect(_ place: UInt, _ moved: UInt) -> Bool {
        guard want(place, place + newSize) else { return false }
        unsafe ranges.forEachPart(place, place + newSize) { range, first, last in
            unsafe range.pointee.flags |= AgentRange.hasNews | AgentRange.lacksTracking
            for page in first..<last {
                let offset = unsafe range.pointee.base + UInt(page) << 12 - place
                // The new pages at the end are what the last old one was.
                var entry = ranges.entry(at: old + min(offset, oldSize - 4096))
                entry.writes = nil
                if offset >= moved { entry.bits &= ~PageEntry.foreignFrame }
                // Nobody has looked at them where they are now.
                entry.isUnfit = unsafe entry.liesOverFrame || range.pointee.area != 0
                entry.isDiscarded = false
                entry.isOrphaned = entry.liesOverFrame
                // SAFETY: places of the range's own pages.
                unsafe range.pointee.entries[page] = entry
            }
        }
        return true
    }

    /// Moves all pieces, or none.
    ///
    /// - Parameter tail: Bytes by which the last one grows.
    private func movePieces(_ place: UInt, _ size: UInt, tail: UInt) -> Bool {
        var address = old
        while address < old + size {
            let end = endOfPiece(from: address, limit: old + size)
            let growth = end == old + size ? tail : 0
            guard end > address, movePiece(address, end, to: place + (address - old), tail: growth) else {
                return moveBack(place, address)
            }
            address = end
        }
        return true
    }

    private func movePiece(_ start: UInt, _ end: UInt, to place: UInt, tail: UInt = 0) -> Bool {
        var how = Int32(LM_MREMAP_MAYMOVE | LM_MREMAP_FIXED)
        if leavesOld { how |= Int32(LM_MREMAP_DONTUNMAP) }
        let size = Int(end - start)
        return lm_is_error(lm_mremap(start, size, size + Int(tail), how, place)) == 0
    }

    /// The end of a part of one mapping; the address itself where nothing is mapped. The tables guess, the kernel knows.
    private func endOfPiece(from address: UInt, limit: UInt) -> UInt {
        MappingProbe.endOfMapping(from: address, limit: ranges.endOfLikely(mapping: address, limit: limit))
    }

    /// Moves back what has moved before an address: always `false`. It can only fail for want of map entries, which
    /// it does not need more of than there were.
    private func moveBack(_ place: UInt, _ end: UInt) -> Bool {
        guard end > old else { return false }
        let back = MoveRequest(returning: self, from: place, size: end - old)
        var address = back.old
        while address < back.oldEnd {
            let end = MappingProbe.endOfMapping(from: address, limit: back.oldEnd)
            if end > address, back.movePiece(address, end, to: old + (address - back.old)) {
                address = end
            } else {
                lm_yield()
            }
        }
        return false
    }

    /// The way back of pieces.
    private init(returning request: MoveRequest, from place: UInt, size: UInt) {
        old = place
        oldSize = size
        newSize = size
        flags = Int32(LM_MREMAP_MAYMOVE | LM_MREMAP_FIXED)
        target = request.old
    }

    /// All has moved: the tables follow.
    private func finish(_ place: UInt) {
        let moved = min(oldSize, newSize)
        carryOwn(place, moved)
        if newSize > oldSize { addOwnTail(place) }
        if leavesOld {
            ranges.markDiscarded(old, oldEnd, isReplaced: false)
        } else {
            forget(old, oldEnd)
        }
        ranges.settle(place, place + newSize)
    }
}

extension RangeTable {
    /// The entry of the page at an address; one that is gone if it is in no range.
    func entry(at address: UInt) -> PageEntry {
        let position = firstPosition(endingAfter: address)
        // SAFETY: a range of the table, and a place of its pages.
        if position < count, unsafe self[position].pointee.base <= address {
            return unsafe self[position].pointee.entries[Int((address - self[position].pointee.base) >> 12)]
        }
        var entry = PageEntry.fresh
        entry.isGone = true
        return entry
    }

    /// Where the mapping that an address lies in ends, as far as the tables know, at most `limit`.
    func endOfLikely(mapping address: UInt, limit: UInt) -> UInt {
        let position = firstPosition(endingAfter: address)
        guard position < count else { return limit }
        let range = unsafe self[position]
        // SAFETY: a range of the table, and places of its own pages.
        let (base, end) = unsafe (range.pointee.base, min(range.pointee.end, limit))
        if base > address { return min(base, limit) }
        var page = unsafe UInt32((address - range.pointee.base) >> 12)
        let last = UInt32((end - base) >> 12)
        let first = unsafe range.entry(page)
        while page + 1 < last, unsafe range.entry(page).mayShareMapping(with: range.entry(page + 1)),
            unsafe range.entry(page + 1).isMergeable == first.isMergeable
        {
            page += 1
        }
        return base + UInt(page + 1) << 12
    }
}
