import CLinuxMemory
import CXXHashInline

/// Pages of one hold of the lock: XXH3 takes 0.1 microseconds for one, jhash2 3.
private func pagesOfHold(_ checksum: WireChecksum) -> Int { checksum == .jhash2 ? 128 : 512 }

/// How much of the next page is fetched while one is read.
private var prefetchedBytes: Int { 128 }

/// Takes the checksums of pages into `buffers.digests`, a digest for each page of the request, zeros for those that
/// cannot be read. A digest is a hint: the program may write at the same time.
///
/// - Parameter pages: A list in the request, in any order.
func takeChecksums(_ checksum: WireChecksum, of pages: UnsafePointer<WirePage>, count: Int) -> WirePageSet {
    var done = WirePageSet()
    var next = 0
    while next < count {
        let end = min(count, next + pagesOfHold(checksum))
        withAgentLock {
            for place in next..<end {
                let page = unsafe pages[place]
                // SAFETY: one digest for each page of the request.
                unsafe buffers.digests[place] = WireDigest(high: 0, low: 0)
                guard let memory = unsafe readable(page) else { continue }
                if place + 1 < end, unsafe pages[place + 1].area == page.area {
                    // A prefetch cannot fault, wherever it points.
                    let distance = unsafe Int(pages[place + 1].index) - Int(page.index)
                    unsafe lm_prefetch(memory + distance * 4096, prefetchedBytes)
                }
                unsafe buffers.digests[place] = digest(checksum, memory)
                done.insert(place)
            }
        }
        next = end
        pauseForJobs()
    }
    return done
}

/// The memory of a page that may be read now, to take its checksum here or in the daemon; the lock is held.
private func readable(_ page: WirePage) -> UnsafeMutableRawPointer? {
    guard let range = unsafe ranges.find(area: page.area), unsafe range.isServed,
        unsafe page.index < range.pointee.pageCount, unsafe range.entry(page.index).isMergeable
    else { return nil }
    // SAFETY: a page of the range, under the lock.
    unsafe range.pointee.entries[Int(page.index)].forgetRefusal()
    return unsafe range.memory(of: page.index)
}

private func digest(_ checksum: WireChecksum, _ memory: UnsafeMutableRawPointer) -> WireDigest {
    switch checksum {
    case .xxh3:
        guard let xxh3 = unsafe work.xxh3 else { return WireDigest(high: 0, low: 0) }
        // SAFETY: a page that may be read.
        let value = unsafe xxh3(memory, 4096)
        return WireDigest(high: value.high, low: value.low)
    case .jhash2:
        // SAFETY: as above.
        let bytes = unsafe RawSpan(_unsafeStart: memory, byteCount: 4096)
        return WireDigest(high: 0, low: UInt64(JHash2.hash(wordsOf: bytes, initialValue: 17)))
    case .daemon: return WireDigest(high: 0, low: 0)
    }
}

/// Copies pages to the upload buffer, page n of the request to place n. The kernel copies: a buffer without memory
/// behind it, or one that the daemon cut short, ends in an error and not in a signal.
func upload(_ pages: UnsafePointer<WirePage>, count: Int, to descriptor: Int32) -> WirePageSet {
    var done = WirePageSet()
    guard descriptor >= 0 else { return done }
    var next = 0
    while next < count {
        let end = min(count, next + 64)
        withAgentLock {
            while next < end {
                let first = next
                guard let memory = unsafe readable(pages[first]) else {
                    next += 1
                    continue
                }
                next += 1
                // Neighbours in memory go with one call.
                while next < end, unsafe pages[next].area == pages[first].area,
                    unsafe pages[next].index == pages[next - 1].index &+ 1, unsafe readable(pages[next]) != nil
                { next += 1 }
                // SAFETY: the pages may be read.
                let copied = unsafe lm_pwrite(descriptor, memory, (next - first) * 4096, Int64(first) * 4096)
                if copied > 0 { for place in first..<min(next, first + copied / 4096) { done.insert(place) } }
            }
        }
        pauseForJobs()
    }
    return done
}
