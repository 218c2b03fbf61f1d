import CLinuxMemory
import Merger
import PageMemory
import Remap

extension Engine {
    /// Registers memory: from now on it is scanned. The memory is mapped, private and anonymous, by the caller's check.
    /// A region that is registered already stays so.
    func register(
        _ area: AreaID, _ bytes: ByteRange, advice: RemapAdvice, isAdopted: Bool
    ) throws(InProcessError) {
        guard memory.limitation == nil, !merger.contains(area) else { return }
        let known = memory.regions[area]
        let record: RegionRecord
        if let known {
            record = known
            record.refused.removeAll()
        } else {
            record = try makeRecord(bytes, advice: advice, isAdopted: isAdopted)
        }
        try add(area, bytes, to: record)
        do throws(RemapError) {
            try memory.begin(record)
        } catch {
            if known != nil { memory.untrack(record) }
            merger.remove(area)
            merger.settle(on: &memory)
            if known == nil { memory.regions[area] = nil }
            throw Engine.refusal(error)
        }
    }

    /// A record for a region, with its map table.
    func makeRecord(_ bytes: ByteRange, advice: RemapAdvice, isAdopted: Bool) throws(InProcessError) -> RegionRecord {
        let pages = UInt32(bytes.byteCount / memory.pageSize)
        let record = unsafe RegionRecord(
            base: bytes.pointer, pageCount: pages, advice: advice, isAdopted: isAdopted,
            references: memory.references)
        guard let record else { throw InProcessError(.outOfResources, "no memory left to register the region") }
        return record
    }

    /// Lets the merger scan a region.
    func add(_ area: AreaID, _ bytes: ByteRange, to record: RegionRecord) throws(InProcessError) {
        let description = Area(
            id: area, space: AddressSpaceID(rawValue: 0), firstPage: UInt64(bytes.address / UInt(memory.pageSize)),
            pageCount: record.pageCount)
        do throws(AreaError) {
            try merger.add(description)
        } catch {
            throw InProcessError(.alreadyRegistered, "the memory cannot be registered: \(error)")
        }
        memory.regions[area] = record
    }

    private static func refusal(_ error: RemapError) -> InProcessError {
        switch Int(error.code) {
        case Int(LM_EBUSY):
            InProcessError(
                .unmergeable, "the memory is used with another userfaultfd; it cannot be merged",
                errorNumber: error.code)
        case Int(LM_EINVAL):
            InProcessError(
                .unmergeable, "the kernel does not track memory of this kind; use private anonymous memory",
                errorNumber: error.code)
        default: .system("userfaultfd registration", -Int(error.code))
        }
    }

    /// Takes a region out of merging. What is known of its mappings is kept until ``forget(_:)``.
    ///
    /// - Parameter unmerging: Whether its pages get memory of their own first; if that fails it stays in.
    func unregister(_ area: AreaID, unmerging: Bool) throws(InProcessError) {
        guard let region = memory.regions[area], merger.contains(area) else { return }
        merger.remove(area, unmerging: unmerging)
        merger.settle(on: &memory)
        if merger.contains(area) { throw Engine.unmergeFailed(merger.takeUnmergeFailures()) }
        memory.untrack(region)
        memory.budget.refresh()
    }

    /// Gives adopted memory back as if it had never been merged.
    ///
    /// - Throws: ``InProcessError`` when pages must stay in mappings of the store for now; the region stays known.
    func returnAdopted(_ area: AreaID) throws(InProcessError) {
        try unregister(area, unmerging: true)
        guard let region = memory.regions[area] else { return }
        let whole = 0..<region.pageCount
        if region.mergedRun(in: whole) != nil { memory.returnToAnonymous(region) { _ in true } }
        // Each window was tracked again when it closed, and so was what has been discarded since an earlier attempt.
        memory.untrack(region)
        memory.store.dropUnused()
        if region.mergedRun(in: whole) != nil {
            throw InProcessError(
                .pinned,
                "pages of the memory were written since they merged, and cannot be given back: discard or unmap them")
        }
    }

    /// Takes a region out that nobody holds any more, without touching its content; nothing of it is trapped any more.
    func abandon(_ area: AreaID) {
        merger.remove(area)
        merger.settle(on: &memory)
        // Tracking does no harm, and older kernels would end another context's, too; a trap needs somebody who serves it.
        if memory.trap != nil, let region = memory.regions[area] { memory.untrack(region) }
        forget(area)
    }

    /// Forgets a region that was unregistered.
    func forget(_ area: AreaID) {
        memory.regions[area] = nil
        memory.store.dropUnused()
    }

    /// The last thing before the thread ends.
    func shutDown() {
        for (area, region) in memory.regions where region.isAdopted { try? returnAdopted(area) }
        memory.stopTrap()
    }

    /// Makes pages of a region read as zeros and gives their memory back.
    func discard(_ area: AreaID, _ pages: Range<UInt32>) {
        guard let region = memory.regions[area] else { return }
        memory.discard(pages, of: region)
        if merger.contains(area) { region.noteDiscarded(pages) }
    }
}

/// A piece of this process's memory, as numbers: no promise that it is mapped.
@safe
struct ByteRange: Sendable {
    let address: UInt
    let byteCount: Int

    var range: Range<UInt> { address..<address + UInt(byteCount) }
    /// The first byte; never null, because the kernel maps nothing there.
    var pointer: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(bitPattern: address)! }
}
