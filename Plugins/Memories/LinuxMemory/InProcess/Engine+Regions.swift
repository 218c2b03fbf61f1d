import CLinuxMemory
import Merger
import PageMemory
import Remap

extension Engine {
    /// Registers memory: from now on it is scanned. The memory is mapped, private and anonymous, by the caller's check.
    func register(_ area: AreaID, _ bytes: ByteRange, advice: RemapAdvice) throws(InProcessError) {
        guard memory.limitation == nil else { return }
        let pageSize = memory.pageSize
        let pages = UInt32(bytes.byteCount / pageSize)
        let known = memory.regions[area]
        guard let record = unsafe known ?? RegionRecord(base: bytes.pointer, pageCount: pages, advice: advice) else {
            throw InProcessError(.outOfResources, "no memory left to register the region")
        }
        do throws(RemapError) {
            // SAFETY: the caller keeps the memory mapped until it is unregistered.
            try unsafe memory.remapper?.tracker.track(record.base, pageCount: Int(pages))
        } catch {
            throw Engine.refusal(error)
        }
        let description = Area(
            id: area, space: AddressSpaceID(rawValue: 0), firstPage: UInt64(bytes.address / UInt(pageSize)),
            pageCount: pages)
        do throws(AreaError) {
            try merger.add(description)
        } catch {
            try? unsafe memory.remapper?.tracker.untrack(record.base, pageCount: Int(pages))
            throw InProcessError(.alreadyRegistered, "the memory is registered already: \(error)")
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
        // SAFETY: the region's memory is mapped until this returns.
        try? unsafe memory.remapper?.tracker.untrack(region.base, pageCount: Int(region.pageCount))
        memory.budget.recount()
    }

    /// Lets nothing of a region that was unmerged lie over frames any more, as far as possible.
    func returnToAnonymous(_ area: AreaID) {
        guard let region = memory.regions[area] else { return }
        memory.returnToAnonymous(region)
        // What was worked on since the region left merging is tracked again.
        // SAFETY: the region's memory is mapped until this returns.
        try? unsafe memory.remapper?.tracker.untrack(region.base, pageCount: Int(region.pageCount))
    }

    /// Forgets a region that was unregistered.
    func forget(_ area: AreaID) { memory.regions[area] = nil }

    /// Makes pages of a region read as zeros and gives their memory back.
    func discard(_ area: AreaID, _ pages: Range<UInt32>) throws(InProcessError) {
        guard let region = memory.regions[area] else { return }
        try memory.discard(pages, of: region)
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
