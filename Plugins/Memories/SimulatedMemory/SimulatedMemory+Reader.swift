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
            taken.append(contents(of: .page(page)).map { digest(of: $0, with: checksum) })
        }
        digests = taken
    }

    /// Compares two contents; a frame that does not live counts as gone, and is a violation.
    public func compare(_ first: PageContent, _ second: PageContent) -> PageOrder {
        reach(.beforeComparing(first, second))
        tally.comparisons += 1
        guard let left = contents(of: first), let right = contents(of: second) else { return .gone }
        return left.order(relativeTo: right, size: pageSize)
    }

    /// Whether two pages are one since a fork, and no frame of the store.
    public func isSamePhysicalPage(_ first: PageAddress, _ second: PageAddress) -> Bool {
        guard let left = locate(first), let right = locate(second),
            case .forked(let one) = holding(at: left), case .forked(let other) = holding(at: right)
        else { return false }
        return one == other
    }

    /// The frame that a page maps, `nil` if it has memory of its own, or none.
    public func frame(of page: PageAddress) -> Frame? {
        guard let place = locate(page), case .shared(let frame) = holding(at: place) else { return nil }
        return frame
    }

    /// The node of a page: that of its frame, or that of its mapping; 0 for a page that is not mergeable.
    public func node(of page: PageAddress) -> UInt8 {
        guard let place = locate(page), let mapping = mapping(at: place) else { return 0 }
        if case .shared(let frame) = holding(at: place) { return frames.records[frame]?.node ?? 0 }
        return mapping.node
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
            return PageBytes.zeros
        }
        if bytes != nil { tally.bytesRead += pageSize }
        return bytes
    }
}
