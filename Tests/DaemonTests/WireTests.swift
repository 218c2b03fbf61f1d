import Testing
import Wire

/// The layouts are a contract between libraries that may be of different builds: sizes and offsets never move.
@Suite("Wire")
struct WireTests {
    @Test("structures have the sizes of version 1")
    func sizes() {
        #expect(WireLimit.version == 1)
        #expect(MemoryLayout<WireHeader>.size == 16)
        #expect(MemoryLayout<WireHello>.size == 24)
        #expect(MemoryLayout<WireArea>.size == 16)
        #expect(MemoryLayout<WireWelcome>.size == 40)
        #expect(MemoryLayout<WireSegment>.size == 8)
        #expect(MemoryLayout<WireRange>.size == 16)
        #expect(MemoryLayout<WireObserved>.size == 16)
        #expect(MemoryLayout<WireQuiet>.size == 8)
        #expect(MemoryLayout<WireRun>.size == 8)
        #expect(MemoryLayout<WirePage>.size == 8)
        #expect(MemoryLayout<WirePageSet>.size == 64)
        #expect(MemoryLayout<WireDigest>.size == 16)
        #expect(MemoryLayout<WireSite>.size == 16)
        #expect(MemoryLayout<WireWork>.size == 32)
        #expect(MemoryLayout<WireStatistics>.size == 32)
        #expect(MemoryLayout<WireRefusal>.size == 16)
        #expect(MemoryLayout<WireEntries>.size == 16)
    }

    @Test("the longest message of each kind fits into a packet")
    func limits() {
        let head = MemoryLayout<WireHeader>.size
        #expect(head + WireLimit.pages * MemoryLayout<WirePage>.size <= WireLimit.message)
        #expect(head + WireLimit.sites * MemoryLayout<WireSite>.size <= WireLimit.message)
        #expect(
            head + MemoryLayout<WirePageSet>.size + WireLimit.pages * MemoryLayout<WireDigest>.size
                <= WireLimit.message)
        #expect(
            head + MemoryLayout<WireObserved>.size + WireLimit.runs * MemoryLayout<WireRun>.size <= WireLimit.message)
        #expect(head + WireLimit.areasOfMessage * MemoryLayout<WireArea>.size <= WireLimit.message)
        #expect(head + MemoryLayout<WireQuiet>.size + WireLimit.areasOfMessage <= WireLimit.message)
        #expect(WireLimit.uploadPages <= WireLimit.pages)
        #expect(UInt64(WireLimit.segments) * UInt64(WireLimit.framesOfSegment) < 1 << 28 - 1)
    }

    @Test("what is written is read again, and nothing beyond the end")
    func buffer() throws {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 8)
        defer { unsafe memory.deallocate() }
        var buffer = unsafe WireBuffer(bytes: memory, capacity: 64)
        buffer.begin(WireHeader(.observe, isAnswer: true, count: 7, sequence: 9))
        let fits = buffer.append(WireRange(area: 1, start: 2, count: 3, capacity: 4))
        let tooLong = buffer.append(WirePageSet())
        #expect(fits && !tooLong)
        buffer.setCount(5)
        #expect(buffer.size == 32)

        buffer.received(32)
        let head = buffer.take(WireHeader.self)
        let header = try #require(head)
        #expect(header.kind == WireKind.observe.rawValue && header.isAnswer && header.count == 5)
        #expect(header.sequence == 9)
        #expect(buffer.holdsExactly(2, of: WirePage.self))
        #expect(!buffer.holdsExactly(3, of: WirePage.self) && !buffer.holdsExactly(UInt32.max, of: WirePage.self))
        let taken = buffer.take(WireRange.self)
        let range = try #require(taken)
        #expect((range.area, range.start, range.count, range.capacity) == (1, 2, 3, 4))
        let beyond = buffer.take(UInt8.self)
        #expect(buffer.remaining == 0 && beyond == nil)

        // A size that the kernel cannot have told: kept within the memory.
        buffer.received(1000)
        #expect(buffer.remaining == 64)
        buffer.received(-1)
        let nothing = buffer.take(UInt8.self)
        #expect(nothing == nil)
    }

    @Test("runs keep their length and state apart")
    func runs() {
        let run = WireRun(start: 5, count: 0x3FFF_FFFF, state: .discarded)
        #expect(run.count == 0x3FFF_FFFF && run.state == .discarded)
        let other = WireRun(start: 0, count: 1, state: .hot)
        #expect(other.count == 1 && other.state == .hot)
    }

    @Test("a set of pages holds exactly what was put in")
    func pageSets() {
        var set = WirePageSet()
        for place in [0, 63, 64, 200, 511] { set.insert(place) }
        set.insert(512)
        set.insert(-1)
        let found = (-2..<600).filter { set.contains($0) }
        #expect(found == [0, 63, 64, 200, 511])
    }
}
