import CLinuxMemory
import PageMemory
import Remap
import Synchronization

extension MergeableRegion {
    /// Grows or shrinks the region, as mremap does; it may move. New bytes are zeros, the others keep their content.
    ///
    /// A region that must move to grow is unmerged first: mremap would show the frames that come next in the store. It merges
    /// again afterwards. Nobody may use the bytes meanwhile.
    ///
    /// - Parameter byteCount: More than 0; rounded up to whole pages.
    /// - Throws: ``InProcessError``: `badRange`, `inUse`, `outOfResources`, `unmergeable` for adopted memory, `released`,
    ///   `stopped`, `forked`. The region is as it was then.
    public func resize(toByteCount byteCount: Int) throws(InProcessError) {
        let pageSize = merger.pageSize
        guard byteCount > 0, byteCount / pageSize < UInt32.max else {
            throw InProcessError(.badRange, "a region cannot have \(byteCount) bytes")
        }
        let size = (byteCount + pageSize - 1) / pageSize * pageSize
        let before = try beginResize()
        defer { state.withLock { $0.users -= 1 } }
        guard size != before.bytes.byteCount else { return }
        let newArea = AreaID(rawValue: merger.makeAreaNumber())
        let isMergeable = before.isMergeable
        let advice = before.advice
        let (oldArea, oldBytes) = (before.area, before.bytes)
        let newBytes = try merger.perform { engine throws(InProcessError) in
            try engine.resize(
                oldArea, oldBytes, to: size, as: newArea, isMergeable: isMergeable, advice: advice)
        }
        state.withLock { state in
            state.bytes = newBytes
            state.area = newArea
        }
    }

    /// Takes the region for this call alone.
    private func beginResize() throws(InProcessError) -> RegionState {
        let before = state.withLock { state in
            let before = state
            if !state.isReleased, state.users == 0, state.isOwned { state.users = 1 }
            return before
        }
        if before.isReleased { throw MergeableRegion.releasedError }
        if !before.isOwned {
            throw InProcessError(
                .unmergeable, "adopted memory cannot be resized: release it, resize it, adopt it again")
        }
        if before.users > 0 {
            throw InProcessError(.inUse, "the region's bytes are being used; resize it when that is done")
        }
        return before
    }
}

extension Engine {
    /// Resizes a region of our own; its pages are scanned anew.
    ///
    /// Memory that will be needed is reserved before anything is given up, so that a failure leaves all as it was.
    func resize(
        _ area: AreaID, _ bytes: ByteRange, to size: Int, as newArea: AreaID, isMergeable: Bool, advice: RemapAdvice
    ) throws(InProcessError) -> ByteRange {
        let protection = Int32(LM_PROT_READ | LM_PROT_WRITE)
        let flags = Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS)
        // What is merged stays in frames only where its mapping stays; the scan forgets the rest.
        try unregister(area, unmerging: true)
        if size < bytes.byteCount {
            _ = lm_munmap(bytes.address + UInt(size), bytes.byteCount - size)
            return try reregister(
                newArea, ByteRange(address: bytes.address, byteCount: size), from: area, isMergeable, advice)
        }
        let extra = size - bytes.byteCount
        let end = bytes.address + UInt(bytes.byteCount)
        let inPlace = lm_mmap(end, extra, protection, flags | Int32(LM_MAP_FIXED_NOREPLACE), -1, 0)
        if lm_is_error(inPlace) == 0 {
            if UInt(bitPattern: inPlace) == end {
                return try reregister(
                    newArea, ByteRange(address: bytes.address, byteCount: size), from: area, isMergeable, advice)
            }
            _ = lm_munmap(UInt(bitPattern: inPlace), extra)
        }
        let target = lm_mmap(0, size, protection, flags, -1, 0)
        guard lm_is_error(target) == 0 else {
            _ = try reregister(area, bytes, from: area, isMergeable, advice)
            throw .system("mmap", target)
        }
        let moved = ByteRange(address: UInt(bitPattern: target), byteCount: size)
        try move(bytes, to: moved, restoring: area, isMergeable, advice)
        return try reregister(newArea, moved, from: area, isMergeable, advice)
    }

    /// Registers a region at its new place, with what was known of its old one.
    private func reregister(
        _ area: AreaID, _ bytes: ByteRange, from old: AreaID, _ isMergeable: Bool, _ advice: RemapAdvice
    ) throws(InProcessError) -> ByteRange {
        if let known = memory.regions[old], area != old {
            let pages = UInt32(bytes.byteCount / memory.pageSize)
            guard let record = unsafe RegionRecord(base: bytes.pointer, pageCount: pages, advice: advice) else {
                throw InProcessError(.outOfResources, "no memory left to register the region")
            }
            record.copyFrames(from: known)
            memory.regions[area] = record
            forget(old)
        }
        if isMergeable { try register(area, bytes, advice: advice) }
        return bytes
    }

    /// Moves the map entries of a region one by one; those moved come back if one cannot be moved.
    private func move(
        _ bytes: ByteRange, to target: ByteRange, restoring area: AreaID, _ isMergeable: Bool, _ advice: RemapAdvice
    ) throws(InProcessError) {
        let moves = Int32(LM_MREMAP_MAYMOVE | LM_MREMAP_FIXED)
        let pieces = ProcessMaps.ranges(in: bytes.range)
        for (count, piece) in pieces.enumerated() {
            let destination = target.address + (piece.lowerBound - bytes.address)
            let result = lm_mremap(piece.lowerBound, piece.count, piece.count, moves, destination)
            guard lm_is_error(result) != 0 else { continue }
            for done in pieces[..<count] {
                let source = target.address + (done.lowerBound - bytes.address)
                _ = lm_mremap(source, done.count, done.count, moves, done.lowerBound)
            }
            _ = lm_munmap(target.address, target.byteCount)
            _ = try reregister(area, bytes, from: area, isMergeable, advice)
            throw .system("mremap", result)
        }
    }
}
