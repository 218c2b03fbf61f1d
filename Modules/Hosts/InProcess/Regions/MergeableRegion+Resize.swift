import CLinuxMemory
import Merger
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
        guard byteCount > 0, byteCount / pageSize < Int(AreaError.largestArea) else {
            throw InProcessError(.badRange, "a region cannot have \(byteCount) bytes")
        }
        let size = (byteCount + pageSize - 1) / pageSize * pageSize
        let before = try beginChange("resize")
        defer { endChange() }
        guard before.isOwned else {
            throw InProcessError(.unmergeable, "adopted memory cannot be resized: release, resize, adopt again")
        }
        guard size != before.bytes.byteCount else { return }
        let newArea = AreaID(rawValue: merger.makeAreaNumber())
        let newBytes = try merger.perform(waking: true) { engine throws(InProcessError) in
            try engine.resize(before, to: size, as: newArea)
        }
        state.withLock { state in
            state.bytes = newBytes
            state.area = newArea
        }
    }
}

extension Engine {
    /// Resizes a region of our own; its pages are scanned anew.
    ///
    /// All that can fail is done before anything is given up.
    func resize(
        _ region: MergeableRegion.RegionState, to size: Int, as newArea: AreaID
    ) throws(InProcessError) -> ByteRange {
        let bytes = region.bytes
        // The merge of pages survives only where their mapping does; the scan forgets the rest.
        try unregister(region.area, unmerging: true)
        do throws(InProcessError) {
            let target = try reserve(bytes, size)
            let record: RegionRecord
            do throws(InProcessError) {
                record = try makeRecord(target, advice: region.advice, isAdopted: false)
            } catch {
                unreserve(target, bytes)
                throw error
            }
            if target.address != bytes.address { try moveWithoutForks(bytes, to: target) }
            if size < bytes.byteCount { _ = lm_munmap(bytes.address + UInt(size), bytes.byteCount - size) }
            if let known = memory.regions[region.area] { record.copyFrames(from: known) }
            forget(region.area)
            if region.isMergeable, memory.limitation == nil {
                try? add(newArea, target, to: record)
                // If there is no memory for it now, it is tried again before each observation.
                memory.retrack(record, 0..<record.pageCount)
            } else if memory.limitation == nil {
                memory.regions[newArea] = record
            }
            return target
        } catch {
            if region.isMergeable {
                try? register(region.area, bytes, advice: region.advice, isAdopted: false)
            }
            throw error
        }
    }

    /// Where the region can be: in place if it shrinks or there is room behind it, else in fresh memory of the new size.
    private func reserve(_ bytes: ByteRange, _ size: Int) throws(InProcessError) -> ByteRange {
        let inPlace = ByteRange(address: bytes.address, byteCount: size)
        guard size > bytes.byteCount else { return inPlace }
        let protection = Int32(LM_PROT_READ | LM_PROT_WRITE)
        let flags = Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS)
        let fresh = lm_mmap(0, size, protection, flags, -1, 0)
        guard lm_is_error(fresh) == 0 else { throw .system("mmap", fresh) }
        let target = ByteRange(address: UInt(bitPattern: fresh), byteCount: size)
        let end = bytes.address + UInt(bytes.byteCount)
        let extra = size - bytes.byteCount
        let behind = lm_mmap(end, extra, protection, flags | Int32(LM_MAP_FIXED_NOREPLACE), -1, 0)
        guard lm_is_error(behind) == 0 else { return target }
        if UInt(bitPattern: behind) == end {
            _ = lm_munmap(target.address, size)
            return inPlace
        }
        _ = lm_munmap(UInt(bitPattern: behind), extra)
        return target
    }

    private func unreserve(_ target: ByteRange, _ bytes: ByteRange) {
        if target.address != bytes.address {
            _ = lm_munmap(target.address, target.byteCount)
        } else if target.byteCount > bytes.byteCount {
            _ = lm_munmap(bytes.address + UInt(bytes.byteCount), target.byteCount - bytes.byteCount)
        }
    }

    /// Moves a region; a forked child must not see it half moved.
    private func moveWithoutForks(_ bytes: ByteRange, to target: ByteRange) throws(InProcessError) {
        let result = ForkGuard.holdingOffForks(attempts: 1000) { () -> InProcessError? in
            memory.excludingTraps {
                do throws(InProcessError) {
                    try move(bytes, to: target)
                    return nil
                } catch {
                    return error
                }
            }
        }
        guard let result else {
            unreserve(target, bytes)
            throw InProcessError(.inUse, "the process forks all the time; resize the region later")
        }
        if let result { throw result }
    }

    /// Moves the map entries of a region one by one; those moved come back if one cannot be moved.
    private func move(_ bytes: ByteRange, to target: ByteRange) throws(InProcessError) {
        let moves = Int32(LM_MREMAP_MAYMOVE | LM_MREMAP_FIXED)
        let known = ProcessMaps.ranges(in: bytes.range)
        // Without descriptors to read them, all at once: the system refuses if it is more than one.
        let pieces = known.isEmpty ? [bytes.range] : known
        var failure: InProcessError?
        if pieces.reduce(0, { $0 + $1.count }) != bytes.byteCount {
            failure = InProcessError(.badRange, "the program unmapped a part of the region; it cannot be resized")
        }
        var done = 0
        while failure == nil, done < pieces.count {
            let piece = pieces[done]
            let destination = target.address + (piece.lowerBound - bytes.address)
            let result = lm_mremap(piece.lowerBound, piece.count, piece.count, moves, destination)
            if lm_is_error(result) != 0 { failure = .system("mremap", result) } else { done += 1 }
        }
        guard let failure else { return }
        for piece in pieces[..<done] {
            let source = target.address + (piece.lowerBound - bytes.address)
            _ = lm_mremap(source, piece.count, piece.count, moves, piece.lowerBound)
        }
        _ = lm_munmap(target.address, target.byteCount)
        throw failure
    }
}
