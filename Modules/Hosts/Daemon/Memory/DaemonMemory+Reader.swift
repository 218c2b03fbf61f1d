package import PageChecksum
package import PageMemory
package import PageTree
import PageVerdicts
import Wire

extension DaemonMemory: PageReader {
    /// Takes checksums: by the agents where they know the checksum, else here, from copies.
    package func takeChecksums(
        of pages: [PageAddress], with checksum: any PageChecksum, into digests: inout [PageDigest?]
    ) {
        digests.removeAll(keepingCapacity: true)
        for _ in pages { digests.append(nil) }
        cache.clear()
        gather(pages)
        if wireChecksum == .daemon || checksum.name != self.checksum.name {
            takeUploadedChecksums(with: checksum, into: &digests)
            noteUnread(pages, digests)
            return
        }
        exchange(
            .checksum, limit: WireLimit.pages,
            write: { connection, page in connection.append(WirePage(area: page.area, index: page.index)) },
            read: { connection, range in
                guard let connection,
                    let answer = connection.collect(
                        WirePageSet.self, entries: range.count...range.count, of: WireDigest.self)
                else { return }
                for place in range {
                    guard let digest = connection.takeEntry(WireDigest.self) else { return }
                    guard answer.body.contains(place - range.lowerBound) else { continue }
                    digests[Int(scratch.work[place].place)] = PageDigest(high: digest.high, low: digest.low)
                }
            })
        noteUnread(pages, digests)
    }

    private func noteUnread(_ pages: [PageAddress], _ digests: [PageDigest?]) {
        for (place, page) in pages.enumerated() where digests[place] == nil { noteUnsure(page) }
    }

    /// Puts pages of areas that are known into the scratch.
    func gather(_ pages: [PageAddress]) {
        scratch.work.removeAll(keepingCapacity: true)
        for (place, page) in pages.enumerated() {
            guard let record = record(of: page.area), page.index < record.pageCount else { continue }
            scratch.work.append(
                PageWork(
                    slot: record.slot, area: record.wire, index: page.index, frame: 0, place: UInt32(place)))
        }
    }

    private func takeUploadedChecksums(with checksum: any PageChecksum, into digests: inout [PageDigest?]) {
        upload(keeping: false) { place, copy in
            counted.bytesRead += UInt64(pageSize)
            // SAFETY: a copy of the page that is the daemon's own.
            let bytes = unsafe RawSpan(_unsafeStart: cache.copy(at: copy), byteCount: pageSize)
            digests[place] = checksum.digest(of: bytes)
        }
    }

    /// Fetches the pages in the scratch, and tells where in the cache, which must be empty, their copies lie; those
    /// that cannot be read are left out.
    ///
    /// - Parameter keeping: Whether the copies stay until the cache is cleared; else each is good for the call only.
    /// At most ``PageCache/capacity`` can be kept.
    func upload(keeping: Bool, _ body: (Int, Int) -> Void) {
        exchange(
            .upload, limit: WireLimit.uploadPages,
            write: { connection, page in connection.append(WirePage(area: page.area, index: page.index)) },
            read: { connection, range in
                guard let connection, let answer = collectUpload(range.count, from: connection) else { return }
                let first = keeping ? cache.keep(range.count) : cache.used
                for place in 0..<answer.pages where answer.readable.contains(place) {
                    body(Int(scratch.work[range.lowerBound + place].place), first + place)
                }
            })
    }

    /// Takes the answer to an upload, and copies the pages to the room of the cache, which has it; their number, and
    /// which of them could be read.
    private func collectUpload(
        _ count: Int, from connection: AgentConnection
    ) -> (pages: Int, readable: WirePageSet)? {
        guard let answer = connection.collect(WirePageSet.self, entries: 0...0, of: UInt8.self) else { return nil }
        hasUploaded = true
        hasUploadedLately = true
        // SAFETY: callers see to it that there is room for so many.
        let pages = unsafe connection.upload?.read(into: cache.room(), pages: count) ?? 0
        counted.pagesUploaded += UInt64(pages)
        return (pages, answer.body)
    }

    /// Compares two contents. Where digests are trusted, the caller compares only what has equal ones: that says
    /// "same" here, and the merge has the last word. Contents for which it has said "no" before are compared byte by
    /// byte, and so are two frames: of them nobody else decides.
    package func compare(_ first: PageContent, _ second: PageContent) -> PageOrder {
        if case .frame = first, case .frame = second { return compareBytes(first, second) }
        if trustsDigests, suspects.isEmpty || !suspects.contains(first) && !suspects.contains(second) { return .same }
        return compareBytes(first, second)
    }

    private func compareBytes(_ first: PageContent, _ second: PageContent) -> PageOrder {
        // Neither of the two may push the other out.
        if cache.free < 2 * DaemonMemory.longestReadAhead { cache.clear() }
        fetch(first)
        fetch(second)
        guard let left = unsafe bytes(of: first), let right = unsafe bytes(of: second) else { return .gone }
        counted.comparisonsRead += 1
        counted.bytesRead += UInt64(2 * pageSize)
        // SAFETY: frames never change, and copies are the daemon's own.
        return unsafe PageOrder(of: left, and: right, pageSize: pageSize)
    }

    private func bytes(of content: PageContent) -> UnsafeMutableRawPointer? {
        switch content {
        case .page(let page): unsafe cache.bytes(of: page)
        case .frame(let frame): unsafe store.bytes(of: frame)
        case .zeros: unsafe scratch.zeros
        }
    }

    /// Pages fetched at once when comparisons go through an area.
    static var longestReadAhead: Int { 32 }

    /// Gets a copy of a page unless there is one, and of those behind it when the ones before it were wanted too.
    private func fetch(_ content: PageContent) {
        guard case .page(let page) = content, !cache.contains(page), let record = record(of: page.area),
            let connection = connection(record.slot), page.index < record.pageCount
        else { return }
        let count = min(readAhead(at: page), Int(record.pageCount - page.index))
        connection.beginRequest(.upload)
        for index in page.index..<(page.index + UInt32(count)) {
            connection.append(WirePage(area: record.wire, index: index))
        }
        guard connection.post(.upload, entries: count), let answer = collectUpload(count, from: connection) else {
            return
        }
        for place in 0..<count {
            let address = PageAddress(area: page.area, index: page.index + UInt32(place))
            cache.add(address, isRead: place < answer.pages && answer.readable.contains(place))
        }
    }

    private func readAhead(at page: PageAddress) -> Int {
        let isNext = page == nextFetch
        readAheadCount = isNext ? min(2 * readAheadCount, DaemonMemory.longestReadAhead) : 1
        nextFetch = PageAddress(area: page.area, index: page.index &+ UInt32(readAheadCount))
        return readAheadCount
    }
}
