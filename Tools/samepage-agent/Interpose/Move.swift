internal import CLinuxMemory

/// A part of what is moved that lies in one mapping.
struct MovePiece {
    var start: UInt
    var end: UInt
}

/// Room for pieces of a move, on the agent's thread.
private var movePieceRoom: UnsafeMutablePointer<MovePiece> {
    // SAFETY: the part is writable once a move has begun.
    unsafe UnsafeMutablePointer(bitPattern: agentMemory.address(of: .pieces)).unsafelyUnwrapped
}

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
        guard agentMemory.reach(.pieces, MemoryPart.pieces.capacity) else { return -Int(LM_ENOMEM) }
        let ground = look()
        if ground.isUnknown { return -Int(LM_ENOMEM) }
        // Several mappings may only move as they are.
        guard ground.isWhole, !ground.isMixed || mayStopHalfway && !leavesOld else { return -Int(LM_EFAULT) }
        if leavesOld, ranges.hasFrames(old, oldEnd) { return -Int(LM_ENOMEM) }
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
        while address < oldEnd, let entry = walk.next(from: address, limit: oldEnd) {
            if entry.start > address { return ground }
            if address != old, entry.protection != ground.protection || entry.advice != ground.advice {
                ground.isMixed = true
            }
            ground.protection = entry.protection
            ground.advice = entry.advice
            address = entry.end
        }
        ground.isUnknown = !walk.isWell
        ground.isWhole = address >= oldEnd
        return ground
    }

    /// Maps more behind the last page, if nothing is there.
    private func growInPlace(_ ground: Ground) -> Bool {
        guard mapEmpty(oldEnd, newSize - oldSize, ground, Int32(LM_MAP_FIXED_NOREPLACE)) else { return false }
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
        guard newSize <= oldSize || mapEmpty(place + oldSize, newSize - oldSize, ground, Int32(LM_MAP_FIXED)),
            expect(place, moved), movePieces(place, moved)
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
                if offset >= moved { entry.bits &= ~PageEntry.foreignFrame }
                entry.isUnfit = entry.liesOverFrame
                entry.isDiscarded = false
                entry.isOrphaned = entry.liesOverFrame
                // SAFETY: places of the range's own pages.
                unsafe range.pointee.entries[page] = entry
            }
        }
        return true
    }

    /// Moves all pieces, or none.
    private func movePieces(_ place: UInt, _ size: UInt) -> Bool {
        var address = old
        while address < old + size {
            let pieces = findPieces(from: address, limit: old + size)
            guard pieces > 0 else { return moveBack(place, address) }
            for number in 0..<pieces {
                // SAFETY: so many pieces have been noted.
                let piece = unsafe movePieceRoom[number]
                guard movePiece(piece.start, piece.end, to: place + (piece.start - old)) else {
                    return moveBack(place, piece.start)
                }
                address = piece.end
            }
        }
        return true
    }

    private func movePiece(_ start: UInt, _ end: UInt, to place: UInt) -> Bool {
        var how = Int32(LM_MREMAP_MAYMOVE | LM_MREMAP_FIXED)
        if leavesOld { how |= Int32(LM_MREMAP_DONTUNMAP) }
        let size = Int(end - start)
        return lm_is_error(lm_mremap(start, size, size, how, place)) == 0
    }

    /// Notes mappings, as many as there is room for; their number.
    private func findPieces(from first: UInt, limit: UInt) -> Int {
        let capacity = MemoryPart.pieces.capacity / MemoryLayout<MovePiece>.stride
        var walk = MapWalk()
        var count = 0
        var address = first
        while address < limit, count < capacity, let entry = walk.nextBorders(from: address) {
            guard entry.start <= address else { return count }
            let end = min(entry.end, limit)
            // SAFETY: the check of the capacity.
            unsafe movePieceRoom[count] = MovePiece(start: address, end: end)
            count += 1
            address = end
        }
        return count
    }

    /// Moves back what has moved before an address: always `false`. It can only fail for want of map entries, which
    /// it does not need more of than there were.
    private func moveBack(_ place: UInt, _ end: UInt) -> Bool {
        let back = MoveRequest(returning: self, from: place, size: end - old)
        var address = back.old
        while address < back.oldEnd {
            let pieces = back.findPieces(from: address, limit: back.oldEnd)
            if pieces == 0 { lm_yield() }
            for number in 0..<pieces {
                // SAFETY: so many pieces have been noted.
                let piece = unsafe movePieceRoom[number]
                while !back.movePiece(piece.start, piece.end, to: old + (piece.start - back.old)) { lm_yield() }
                address = piece.end
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
}
