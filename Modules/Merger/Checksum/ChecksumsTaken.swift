public import PageChecksum
import PageTree

extension Merger {
    /// The answer to ``MergerRequest/takeChecksums(_:)``: a digest for each page, in the same order.
    ///
    /// A page whose digest is that of the scan before goes on to be matched in this batch; the others wait for the
    /// next scan to show that they stay the same.
    public mutating func checksumsTaken(_ digests: [PageDigest?]) {
        precondition(stage == .takingChecksums, "no checksums were asked for")
        precondition(digests.count == batch.fresh.count, "one digest for each page is needed")
        stage = .resting
        var anyQuiet = false
        for (page, digest) in zip(batch.fresh, digests) {
            guard let digest else {
                forget(page)
                continue
            }
            tally.checksummed += 1
            let marks = FreshMarks(rawValue: table.link(page).payload)
            let isSame = marks.contains(.hasDigest) && table.digests[Int(page)] == digest
            if ages.isOn { noteAge(of: page, isSame: isSame, isReported: marks.contains(.isReported)) }
            // Also one that looks the same again: while it was different its twin may have missed it.
            if marks.contains(.inTree) { table.remove(page, from: &unstableTree) }
            table.setDigest(digest, of: page)
            table.setLink(PageLink(.settled), of: page)
            if isSame, isOldEnough(page) {
                batch.candidates.append(page)
                anyQuiet = true
            }
        }
        batch.fresh.removeAll(keepingCapacity: true)
        guard !batch.candidates.isEmpty else { return }
        if anyQuiet {
            let table = table
            batch.candidates.sort { table.index(of: $0) < table.index(of: $1) }
        }
        batch.isMatchPending = true
    }
}
