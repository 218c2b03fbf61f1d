/// The pages of shared memory or of a device: those who map it see the same bytes.
final class SharedPages {
    var pages: [UInt64: PageBytes] = [:]
}

/// Neighbouring pages of an address space with the same attributes (a VMA in the kernel).
struct Mapping {
    var pages: Range<UInt64>
    let kind: SimulatedMapping
    var isMergeable = false
    /// The NUMA node of its memory.
    let node: UInt8
    /// Where its pages are kept; `nil` for anonymous ones, which the page table of the address space keeps.
    let backing: SharedPages?
    /// The page of the address space at which the page 0 of `backing` lies; may wrap around.
    var origin: UInt64

    /// Whether another mapping, right behind this one, is of the same kind in all respects.
    func continues(in next: Mapping) -> Bool {
        pages.upperBound == next.pages.lowerBound && kind == next.kind && isMergeable == next.isMergeable
            && node == next.node && backing === next.backing && (backing == nil || origin == next.origin)
    }
}

/// The mappings of one address space, ascending and without overlaps.
struct Mappings {
    private(set) var all: [Mapping] = []

    /// The place of the first mapping that ends beyond a page. O(log n)
    private func firstIndex(endingBeyond page: UInt64) -> Int {
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if all[middle].pages.upperBound > page { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The mapping that a page lies in. O(log n)
    func mapping(at page: UInt64) -> Mapping? {
        let index = firstIndex(endingBeyond: page)
        return index < all.count && all[index].pages.lowerBound <= page ? all[index] : nil
    }

    /// The mappings that have pages in a range, cut to it, ascending. O(log n + result)
    func parts(of range: Range<UInt64>) -> [Mapping] {
        var parts: [Mapping] = []
        var index = firstIndex(endingBeyond: range.lowerBound)
        while index < all.count, all[index].pages.lowerBound < range.upperBound {
            var part = all[index]
            part.pages = part.pages.clamped(to: range)
            if !part.pages.isEmpty { parts.append(part) }
            index += 1
        }
        return parts
    }

    /// Whether every page of a range is mapped.
    func cover(_ range: Range<UInt64>) -> Bool {
        parts(of: range).reduce(UInt64(0)) { $0 + UInt64($1.pages.count) } == UInt64(range.count)
    }

    /// Which pages of a chunk are mergeable, one bit for each.
    func mergeablePages(ofChunk number: UInt64) -> UInt64 {
        var mask: UInt64 = 0
        for part in parts(of: number * 64..<number * 64 + 64) where part.isMergeable {
            let length = UInt64(part.pages.count)
            mask |= (length == 64 ? UInt64.max : 1 << length - 1) << (part.pages.lowerBound % 64)
        }
        return mask
    }

    /// Puts a mapping in the place of whatever was mapped there.
    mutating func insert(_ mapping: Mapping) {
        remove(mapping.pages)
        all.insert(mapping, at: firstIndex(endingBeyond: mapping.pages.lowerBound))
        coalesce()
    }

    /// Takes the mappings of a range away.
    mutating func remove(_ range: Range<UInt64>) {
        split(at: range.lowerBound)
        split(at: range.upperBound)
        all.removeAll { !$0.pages.isEmpty && $0.pages.overlaps(range) }
    }

    /// Makes the anonymous mappings of a range mergeable, or not so.
    mutating func setMergeable(_ isMergeable: Bool, in range: Range<UInt64>) {
        split(at: range.lowerBound)
        split(at: range.upperBound)
        for index in all.indices where all[index].pages.overlaps(range) && all[index].kind == .anonymous {
            all[index].isMergeable = isMergeable
        }
        coalesce()
    }

    private mutating func split(at page: UInt64) {
        let index = firstIndex(endingBeyond: page)
        guard index < all.count, all[index].pages.lowerBound < page else { return }
        var second = all[index]
        second.pages = page..<second.pages.upperBound
        all[index].pages = all[index].pages.lowerBound..<page
        all.insert(second, at: index + 1)
    }

    private mutating func coalesce() {
        var joined: [Mapping] = []
        for mapping in all {
            if let last = joined.last, last.continues(in: mapping) {
                joined[joined.count - 1].pages = last.pages.lowerBound..<mapping.pages.upperBound
            } else {
                joined.append(mapping)
            }
        }
        all = joined
    }
}
