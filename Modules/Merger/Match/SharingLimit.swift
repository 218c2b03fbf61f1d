import PageChecksum
import PageTree

// `max_page_sharing`: no more than so many pages share a frame.

/// Pages that stay in the unstable tree although their content is shared: all its nodes were full. Kept only where such a
/// page is not looked at again by itself.
struct Leftovers {
    private var pages: [PageDigest: [UInt32]] = [:]

    mutating func add(_ page: UInt32, _ digest: PageDigest) {
        if pages[digest]?.contains(page) != true { pages[digest, default: []].append(page) }
    }

    mutating func take(_ digest: PageDigest) -> [UInt32] {
        pages.isEmpty ? [] : pages.removeValue(forKey: digest) ?? []
    }

    mutating func removeAll() { pages = [:] }
}

extension Merger {
    /// Applies the settings that say how many pages may share a frame. As many as `minimum_sharers` always may: with fewer
    /// nothing could be shared at all.
    mutating func setSharingLimit() {
        let limit = max(configuration.maxPageSharing, UInt32(configuration.minimumSharers))
        nodes.setLimit(configuration.dialect == .first ? UInt32.max : limit)
    }

    /// Nodes of a content have room again: the pages that had to stay in the unstable tree are looked at again.
    mutating func wakeLeftovers(of node: UInt32) {
        let digest = nodes.digests[Int(node)]
        for page in leftovers.take(digest) {
            let link = table.link(page)
            guard link.state == .unstable, table.digests[Int(page)] == digest else { continue }
            leaveUnstableTree(page, link)
            table.setLink(PageLink(.settled), of: page)
        }
    }
}
