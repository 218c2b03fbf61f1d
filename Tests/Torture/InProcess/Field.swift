import CLinuxMemory
import InProcess

/// A region that many actors share, and where its pages stand in the ledger.
final class Field: Sendable {
    let region: MergeableRegion
    let base: UInt
    let pages: Int
    /// The ledger's number of the first page.
    let first: Int
    /// Whether forked children have it.
    let isInherited: Bool
    private let adopted: Bool

    /// Makes a region by the API, or adopts a mapping with MADV_DONTFORK.
    init(pages: Int, first: Int, adopting: Bool, inherited: Bool, in merger: InProcessMerger) throws {
        self.pages = pages
        self.first = first
        isInherited = inherited
        adopted = adopting
        if adopting {
            let address = Raw.map(pages * Raw.page)
            if !inherited { _ = lm_madvise(address, pages * Raw.page, Int32(LM_MADV_DONTFORK)) }
            // SAFETY: the mapping was just made, and lives until `end`.
            let buffer = unsafe UnsafeMutableRawBufferPointer(
                start: UnsafeMutableRawPointer(bitPattern: address), count: pages * Raw.page)
            region = try unsafe MergeableRegion.adopt(buffer, in: merger)
            base = address
        } else {
            region = try MergeableRegion.allocate(byteCount: pages * Raw.page, in: merger)
            // SAFETY: the region is neither resized nor released before `end`, after the last actor.
            base = try unsafe region.withUnsafeBytes { UInt(bitPattern: $0.baseAddress!) }
        }
    }

    func address(_ page: Int) -> UInt { base + UInt((page - first) * Raw.page) }

    func contains(_ page: Int) -> Bool { page >= first && page < first + pages }

    /// Releases the region; what was adopted is unmapped after `check` has seen it once more. Where pages were written
    /// since they merged it is unmapped without being released.
    func end(_ check: (Field) -> Void) throws {
        do throws(InProcessError) {
            try region.release()
        } catch {
            guard adopted, error.code == .pinned else { throw error }
        }
        guard adopted else { return }
        check(self)
        Raw.unmap(base, pages * Raw.page)
    }
}
