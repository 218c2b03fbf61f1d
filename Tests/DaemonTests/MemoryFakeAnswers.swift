import CLinuxMemory
import Glibc
import PageChecksum
import Remap
import Wire

/// What a simulated agent does when it is told or asked something. Called with its lock held.
extension FakeAgent {
    /// Takes in what wants no answer.
    func take(_ kind: WireKind, _ head: WireHeader, _ buffer: inout WireBuffer, _ passed: [Int32]) {
        switch kind {
        case .welcome:
            welcome = buffer.take(WireWelcome.self)
            // SAFETY: the buffer has that size.
            unsafe upload = mmap(
                nil, WireLimit.uploadPages * pageSize, PROT_READ | PROT_WRITE, MAP_SHARED, passed[0], 0)
            for descriptor in passed where descriptor >= 0 { close(descriptor) }
        case .refused:
            var text: [UInt8] = []
            while let byte = buffer.take(UInt8.self) { text.append(byte) }
            refusal = String(decoding: text, as: UTF8.self)
        case .segment:
            guard let segment = buffer.take(WireSegment.self) else { return }
            // SAFETY: a segment has that size.
            let bytes = unsafe mmap(nil, FakeSegment.size, PROT_READ, MAP_SHARED, passed[0], 0)!
            segments[segment.number] = unsafe FakeSegment(descriptor: passed[0], bytes: bytes)
            files.insert(lm_file_identity(passed[0]).inode)
        case .dropSegment:
            guard let segment = buffer.take(WireSegment.self) else { return }
            segments.removeValue(forKey: segment.number)?.drop()
        case .settings: settings = buffer.take(WireSettings.self)
        default: break
        }
    }

    /// Carries out a request.
    func answer(_ kind: WireKind, _ head: WireHeader, _ buffer: inout WireBuffer) -> [UInt8] {
        func reply<Body: BitwiseCopyable, Entry: BitwiseCopyable>(_ body: Body, _ entries: [Entry]) -> [UInt8] {
            bytes([WireHeader(kind, isAnswer: true, count: entries.count, sequence: head.sequence)]) + bytes([body])
                + bytes(entries)
        }
        switch kind {
        case .observe:
            let (body, runs) = observe(buffer.take(WireRange.self)!)
            return reply(body, runs)
        case .quiet:
            var quiet: [UInt8] = []
            for _ in 0..<head.count {
                let pages = memory.areas[buffer.take(UInt32.self)!] ?? []
                quiet.append(pages.contains { $0.isChanged || $0.isDiscarded } ? WireQuiet.something : 1)
            }
            return reply(WireQuiet(), quiet)
        case .checksum:
            var set = WirePageSet()
            var digests: [WireDigest] = []
            for place in 0..<Int(head.count) {
                let page = buffer.take(WirePage.self)!
                guard let bytes = unsafe memory.bytes(page.area, page.index) else {
                    digests.append(WireDigest(high: 0, low: 0))
                    continue
                }
                set.insert(place)
                let digest = checksum.digest(of: unsafe RawSpan(_unsafeStart: bytes, byteCount: pageSize))
                digests.append(WireDigest(high: digest.high, low: digest.low))
            }
            return reply(set, digests)
        case .upload:
            var set = WirePageSet()
            for place in 0..<Int(head.count) {
                let page = buffer.take(WirePage.self)!
                guard let bytes = unsafe memory.bytes(page.area, page.index) else { continue }
                // SAFETY: the buffer has room for as many pages as are asked for.
                unsafe (upload! + place * pageSize).copyMemory(from: bytes, byteCount: pageSize)
                set.insert(place)
            }
            return reply(set, [UInt8]())
        case .merge:
            var outcomes: [RemapOutcome] = []
            for _ in 0..<head.count { outcomes.append(merge(buffer.take(WireSite.self)!)) }
            return reply(WireWork(), outcomes)
        case .unmerge:
            var outcomes: [RemapOutcome] = []
            for _ in 0..<head.count { outcomes.append(unmerge(buffer.take(WirePage.self)!)) }
            return reply(WireWork(), outcomes)
        case .unshare:
            let range = buffer.take(WireRange.self)!
            var answer = WireUnshared()
            answer.pagesDone = range.count
            for index in range.start..<(range.start + range.count) {
                let outcome = unmerge(WirePage(area: range.area, index: index))
                if outcome == .failed { answer.pagesLeft += 1 }
            }
            return reply(answer, [UInt8]())
        case .forget:
            let area = buffer.take(WireRange.self)!.area
            for index in (memory.areas[area] ?? []).indices { memory.areas[area]![index].isChanged = true }
            return bytes([WireHeader(kind, isAnswer: true, sequence: head.sequence)])
        case .entries:
            var entries = WireEntries()
            entries.limit = 100_000
            entries.left = lacksEntries ? 0 : 90_000
            entries.shortestRun = lacksEntries ? .max : 1
            return reply(entries, [UInt8]())
        case .evacuate:
            evacuate(buffer.take(WireSegment.self)!.number)
            return reply(WireWork(), [UInt8]())
        default:
            var statistics = WireStatistics()
            statistics.mapEntries = 17
            statistics.mapEntryLimit = 1000
            return reply(statistics, [WireRefusal(reason: WireReason.locked.rawValue, bytes: 4096)])
        }
    }

    private func observe(_ range: WireRange) -> (WireObserved, [WireRun]) {
        var answer = WireObserved()
        answer.systemCalls = 1
        // Its pages change without faults.
        answer.nextTick = 1
        guard memory.areas[range.area] != nil else {
            answer.error = 3
            return (answer, [])
        }
        var runs: [WireRun] = []
        for index in range.start..<(range.start + range.count) {
            let page = memory.areas[range.area]![Int(index)]
            let isThere = unsafe page.bytes != nil
            let state: WireRun.State? =
                page.isDiscarded && !isThere
                ? .discarded
                : isThere && page.isChanged && (page.frame == nil || page.isRewritten) ? .changed : nil
            if let state {
                if let last = runs.last, last.start + last.count == index, last.state == state {
                    runs[runs.count - 1] = WireRun(start: last.start, count: last.count + 1, state: state)
                } else {
                    guard runs.count < Int(range.capacity) else { break }
                    runs.append(WireRun(start: index, count: 1, state: state))
                }
            }
            memory.areas[range.area]![Int(index)].isChanged = false
            memory.areas[range.area]![Int(index)].isDiscarded = false
            answer.pagesDone += 1
        }
        return (answer, runs)
    }

    private func merge(_ site: WireSite) -> RemapOutcome {
        guard let own = unsafe memory.bytes(site.area, site.index) else { return .gone }
        let index = Int(site.index)
        if site.frame == wireZeros {
            guard unsafe lm_is_zero(own, pageSize) != 0 else { return .changed }
            memory.release(site.area, index)
            return .merged
        }
        if lacksEntries { return .mapLimit }
        guard let segment = segments[site.frame / WireLimit.framesOfSegment] else { return .failed }
        let offset = Int(site.frame % WireLimit.framesOfSegment) * pageSize
        guard unsafe memcmp(own, segment.bytes + offset, pageSize) == 0 else { return .changed }
        // SAFETY: replaces the page's own memory in one step.
        let mapped = unsafe mmap(
            own, pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, segment.descriptor, offset)
        guard unsafe mapped == own else { return .mapLimit }
        memory.areas[site.area]![index].frame = site.frame
        memory.areas[site.area]![index].isRewritten = false
        return .merged
    }

    private func unmerge(_ page: WirePage) -> RemapOutcome {
        guard unsafe memory.bytes(page.area, page.index) != nil else { return .gone }
        let index = Int(page.index)
        guard memory.areas[page.area]![index].frame != nil else { return .changed }
        if memory.areas[page.area]![index].isRewritten { return .rewritten }
        makePrivate(page.area, index)
        return .merged
    }

    /// Gives a page anonymous memory with the same bytes.
    private func makePrivate(_ area: UInt32, _ index: Int) {
        let old = unsafe memory.areas[area]![index].bytes!
        unsafe memory.areas[area]![index].bytes = nil
        let fresh = unsafe memory.makeAnonymous(area, index)
        // SAFETY: two pages of our own.
        unsafe fresh.copyMemory(from: old, byteCount: pageSize)
        unsafe munmap(old, pageSize)
    }

    private func evacuate(_ segment: UInt32) {
        for (area, pages) in memory.areas {
            for (index, page) in pages.enumerated() where page.isRewritten {
                if page.frame! / WireLimit.framesOfSegment == segment { makePrivate(area, index) }
            }
        }
    }
}
