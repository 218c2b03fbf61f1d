import CLinuxMemory
import Glibc
import Wire

/// One page of a simulated process.
@safe
struct FakePage {
    /// Its memory: anonymous, or a private mapping of its frame; `nil` when it holds nothing.
    var bytes: UnsafeMutableRawPointer?
    /// The frame that it lies over.
    var frame: UInt32?
    /// Whether it was written since it was merged.
    var isRewritten = false
    var isChanged = false
    var isDiscarded = false
}

/// A segment that a simulated process has.
@safe
struct FakeSegment {
    var descriptor: Int32
    var bytes: UnsafeMutableRawPointer

    static var size: Int { Int(WireLimit.framesOfSegment) * pageSize }

    func drop() {
        // SAFETY: mapped when the segment came.
        unsafe munmap(bytes, FakeSegment.size)
        close(descriptor)
    }
}

/// The memory of a simulated process: areas by number.
struct FakeMemory {
    var areas: [UInt32: [FakePage]] = [:]

    /// Fresh memory of a page; what lies there now is given back.
    mutating func makeAnonymous(_ area: UInt32, _ index: Int) -> UnsafeMutableRawPointer {
        release(area, index)
        // SAFETY: a new page.
        let fresh = unsafe mmap(nil, pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        unsafe areas[area]![index].bytes = fresh
        return unsafe fresh
    }

    /// Lets go of a page's memory.
    mutating func release(_ area: UInt32, _ index: Int) {
        if let old = unsafe areas[area]![index].bytes { unsafe munmap(old, pageSize) }
        unsafe areas[area]![index].bytes = nil
        areas[area]![index].frame = nil
        areas[area]![index].isRewritten = false
    }

    mutating func remove(_ area: UInt32) {
        guard let pages = areas[area] else { return }
        for index in pages.indices { release(area, index) }
        areas[area] = nil
    }

    mutating func removeAll() { for area in Array(areas.keys) { remove(area) } }

    /// A page that holds something.
    func bytes(_ area: UInt32, _ index: UInt32) -> UnsafeMutableRawPointer? {
        guard let pages = areas[area], Int(index) < pages.count else { return nil }
        return unsafe pages[Int(index)].bytes
    }
}

/// The content that belongs to a seed; that of 0 is zeros.
func content(_ seed: UInt64) -> [UInt8] {
    guard seed != 0 else { return [UInt8](repeating: 0, count: pageSize) }
    var state = seed
    var words: [UInt64] = []
    for _ in 0..<(pageSize / 8) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        words.append(state ^ state >> 29)
    }
    return bytes(words)
}

extension FakeAgent {
    /// Maps an area whose pages have the content of the seeds, `nil` for pages never touched; announces it.
    func add(_ area: UInt32, seeds: [UInt64?]) {
        locked {
            memory.areas[area] = [FakePage](repeating: FakePage(), count: seeds.count)
            for (index, seed) in seeds.enumerated() where seed != nil { write(area, index, content(seed!)) }
        }
        announce([WireArea(area: area, pageCount: UInt32(seeds.count), firstPage: UInt64(area) << 20)])
    }

    /// Unmaps an area and says so.
    func remove(_ area: UInt32) {
        locked { memory.remove(area) }
        retract([area])
    }

    /// Writes a page as the program would.
    func write(_ area: UInt32, _ index: Int, seed: UInt64) { locked { write(area, index, content(seed)) } }

    private func write(_ area: UInt32, _ index: Int, _ content: [UInt8]) {
        let bytes = unsafe memory.areas[area]![index].bytes ?? memory.makeAnonymous(area, index)
        // SAFETY: a page of our own; one over a frame is copied by the kernel first.
        unsafe content.withUnsafeBytes { unsafe bytes.copyMemory(from: $0.baseAddress!, byteCount: pageSize) }
        memory.areas[area]![index].isChanged = true
        if memory.areas[area]![index].frame != nil { memory.areas[area]![index].isRewritten = true }
    }

    /// Gives a page back as the program would.
    func discard(_ area: UInt32, _ index: Int) {
        locked {
            memory.release(area, index)
            memory.areas[area]![index].isDiscarded = true
        }
    }

    /// What the program reads.
    func read(_ area: UInt32, _ index: Int) -> [UInt8] {
        locked {
            guard let bytes = unsafe memory.bytes(area, UInt32(index)) else { return content(0) }
            return unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: pageSize))
        }
    }

    /// The frames that the pages of an area lie over and share still.
    func frames(_ area: UInt32) -> [UInt32?] {
        locked { memory.areas[area]!.map { $0.isRewritten ? nil : $0.frame } }
    }
}
