public import PageChecksum
public import PageMemory
public import PageTree

extension SimulatedMemory: PageReader {
    /// Takes checksums; `nil` for pages that hold nothing or whose area is gone.
    public func takeChecksums(
        of pages: [PageAddress], with checksum: any PageChecksum, into digests: inout [PageDigest?]
    ) {
        var taken: [PageDigest?] = []
        for page in pages {
            reach(.beforeChecksum(page))
            tally.checksums += 1
            taken.append(contents(of: .page(page))?.digest(with: checksum))
        }
        digests = taken
    }

    /// Compares two contents; a frame that does not live counts as gone, and is a violation.
    public func compare(_ first: PageContent, _ second: PageContent) -> PageOrder {
        reach(.beforeComparing(first, second))
        tally.comparisons += 1
        guard let left = contents(of: first), let right = contents(of: second) else { return .gone }
        return left.order(relativeTo: right)
    }

    /// The bytes of a page or a frame, counted as read.
    private func contents(of content: PageContent) -> PageBytes? {
        let bytes: PageBytes?
        switch content {
        case .page(let page):
            bytes = locate(page).flatMap { self.bytes(of: holding(at: $0)) }
        case .frame(let frame):
            bytes = frames.records[frame]?.bytes
            if bytes == nil { violations.append("frame \(frame.rawValue) is read, and does not live") }
        case .zeros:
            return PageBytes(zeros: pageSize)
        }
        if bytes != nil { tally.bytesRead += pageSize }
        return bytes
    }
}
