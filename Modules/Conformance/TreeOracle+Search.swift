import PageChecksum
import PageTree

extension TreeOracle {
    /// Searches the index and checks the answer and the comparisons made for it.
    mutating func search(_ content: UInt64, _ digest: PageDigest) -> SearchResult {
        let (contents, digests, isGone, isInside) = (contents, digests, isGone, isInside)
        var compared: [UInt32] = []
        var complaint: String?
        let limit = inside.count + 1
        let result = tree.search(digest, in: digests.span) { element in
            compared.append(element)
            guard element < isInside.count, isInside[Int(element)] else {
                complaint = "compares \(element), which is not inside"
                return .gone
            }
            // Ends a search that goes round in circles.
            if compared.count > limit { return .gone }
            if isGone[Int(element)] { return .gone }
            let other = contents[Int(element)]
            return content == other ? .same : content < other ? .before : .after
        }
        if let complaint { fail("search \(complaint)") }
        checkComparisons(compared, digest)
        check(result, content, digest, metGone: compared.contains { $0 < isGone.count && isGone[Int($0)] })
        return result
    }

    private mutating func checkComparisons(_ compared: [UInt32], _ digest: PageDigest) {
        if tree.isKeyed {
            for element in compared where element < digests.count && digests[Int(element)] != digest {
                fail("search compares \(element), whose digest is not the searched one")
            }
            if compared.count > 1, Set(compared).count != compared.count {
                fail("search compares an element more than once: \(compared.count) comparisons")
            }
        } else {
            // 2 log2(n + 1), rounded down.
            let square = (inside.count + 1) * (inside.count + 1)
            let bound = Int.bitWidth - 1 - square.leadingZeroBitCount
            if compared.count > bound {
                fail("search makes \(compared.count) comparisons among \(inside.count) elements, more than \(bound)")
            }
        }
    }

    private mutating func check(_ result: SearchResult, _ content: UInt64, _ digest: PageDigest, metGone: Bool) {
        let isKeyed = tree.isKeyed
        var equal: [UInt32] = []
        var gone: [UInt32] = []
        for element in inside where !isKeyed || digests[Int(element)] == digest {
            if isGone[Int(element)] {
                gone.append(element)
            } else if contents[Int(element)] == content {
                equal.append(element)
            }
        }
        switch result {
        case .found(let element):
            if !equal.contains(element) { fail("search finds \(element), which is not an equal page of the index") }
        case .gone(let element):
            if !gone.contains(element) { fail("search says that \(element) is gone") }
        case .absent:
            if metGone { fail("search meets a page that is gone and answers absent") }
            // Only an index ordered by content may miss a page, and only when contents have changed.
            if !equal.isEmpty, isKeyed || isQuiet { fail("search misses \(equal[0])") }
            if isKeyed, !gone.isEmpty { fail("search does not meet \(gone[0]), which is gone") }
        }
    }
}
