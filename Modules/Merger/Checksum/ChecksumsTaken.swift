public import PageChecksum
import PageTree

extension Merger {
    /// The answer to ``MergerRequest/takeChecksums(_:)``: a digest for each page, in the same order.
    ///
    /// A page whose digest is that of the scan before goes on to be matched in this batch; the others wait for the
    /// next scan to show that they stay the same. In the dialect of 2009 these are looked up in the stable tree first. A page
    /// that maps a frame since a fork is to be counted, whatever is known of it.
    public mutating func checksumsTaken(_ digests: [PageDigest?]) {
        precondition(stage == .takingChecksums, "no checksums were asked for")
        precondition(digests.count == batch.fresh.count, "one digest for each page is needed")
        stage = .resting
        var anyMore = false
        for (page, digest) in zip(batch.fresh, digests) {
            guard let digest else {
                forget(page)
                continue
            }
            tally.checksummed += 1
            let link = table.link(page)
            let marks = FreshMarks(rawValue: link.payload)
            let isSame = marks.contains(.hasDigest) && table.digests[Int(page)] == digest
            if ages.isOn { noteAge(of: page, isSame: isSame, isReported: marks.contains(.isReported)) }
            // Also one that looks the same again: while it was different its twin may have missed it.
            if marks.contains(.inTree) { removeFromUnstableTree(page) }
            table.setDigest(digest, of: page)
            table.setLink(PageLink(.settled, isSame ? link.busyLevel : 0), of: page)
            let isInherited = marks.contains(.isInherited)
            guard isSame || isInherited || configuration.dialect == .first, isOldEnough(page) else { continue }
            if isInherited {
                batch.inherited.insert(page)
            } else if !isSame {
                batch.volatile.insert(page)
            }
            batch.candidates.append(page)
            anyMore = true
        }
        batch.fresh.removeAll(keepingCapacity: true)
        guard !batch.candidates.isEmpty else { return }
        if anyMore {
            let table = table
            batch.candidates.sort { table.index(of: $0) < table.index(of: $1) }
        }
        batch.isMatchPending = true
    }
}
