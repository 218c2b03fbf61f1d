import CLinuxMemory
import PageChecksum
import PageMemory
import PageTree
import PageVerdicts

extension InProcessMemory: PageReader {
    func takeChecksums(
        of pages: [PageAddress], with checksum: any PageChecksum, into digests: inout [PageDigest?]
    ) {
        measuring(\.checksum) { takeDigests(of: pages, with: checksum, into: &digests) }
    }

    /// How much of the next page is fetched while one is read.
    private static var prefetchedBytes: Int { 128 }

    private func takeDigests(
        of pages: [PageAddress], with checksum: any PageChecksum, into digests: inout [PageDigest?]
    ) {
        digests.removeAll(keepingCapacity: true)
        digests.reserveCapacity(pages.count)
        var area: AreaID?
        var region: RegionRecord?
        for (place, page) in pages.enumerated() {
            if page.area != area {
                area = page.area
                region = regions[page.area]
            }
            guard let region, page.index < region.pageCount else {
                digests.append(nil)
                continue
            }
            region.refused.remove(page.index)
            // SAFETY: registered memory stays mapped while it is registered. The program may write to it at the same
            // time; the digest is a hint, and a write is noticed by the next observation.
            let pointer = unsafe region.address(of: page.index, pageSize: pageSize)
            if place + 1 < pages.count, pages[place + 1].area == page.area {
                // A prefetch cannot fault, wherever it points.
                let distance = Int(pages[place + 1].index) - Int(page.index)
                unsafe lm_prefetch(pointer + distance * pageSize, InProcessMemory.prefetchedBytes)
            }
            digests.append(checksum.digest(of: unsafe RawSpan(_unsafeStart: pointer, byteCount: pageSize)))
        }
        statistics.bytesRead += UInt64(pages.count * pageSize)
    }

    func compare(_ first: PageContent, _ second: PageContent) -> PageOrder {
        guard let left = unsafe pointer(to: first), let right = unsafe pointer(to: second) else { return .gone }
        statistics.bytesRead += UInt64(2 * pageSize)
        // SAFETY: both are mapped pages; what the program writes meanwhile is found out by the merge itself.
        return unsafe PageOrder(of: left, and: right, pageSize: pageSize)
    }

    private func pointer(to content: PageContent) -> UnsafeMutableRawPointer? {
        switch content {
        case .page(let page): unsafe pointer(to: page)
        case .frame(let frame): unsafe store.bytes(of: frame)
        case .zeros: unsafe scratch.zeros
        }
    }
}
