import CLinuxMemory
import Synchronization

/// A mapping of whole pages, and words in it that other threads may touch at the same time.
@safe
final class Pages: @unchecked Sendable {
    static let size = 4096
    static let words = size / 8

    let base: UnsafeMutableRawPointer
    let count: Int

    var address: UInt { unsafe UInt(bitPattern: base) }
    var bytes: Int { count * Pages.size }

    /// Anonymous private memory, aligned to a huge page.
    init(anonymous count: Int) {
        self.count = count
        let huge: UInt = 2 << 20
        let raw = lm_mmap(
            0, count * Pages.size + Int(huge), Int32(LM_PROT_READ | LM_PROT_WRITE),
            Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS), -1, 0)
        precondition(lm_is_error(raw) == 0)
        let start = UInt(bitPattern: raw)
        let aligned = (start + huge - 1) & ~(huge - 1)
        if aligned > start { lm_munmap(start, Int(aligned - start)) }
        lm_munmap(aligned + UInt(count * Pages.size), Int(start + huge - aligned))
        unsafe base = UnsafeMutableRawPointer(bitPattern: aligned)!
        lm_madvise(address, bytes, Int32(LM_MADV_NOHUGEPAGE))
    }

    /// A shared mapping of a segment.
    init(segment: Int32, count: Int) {
        self.count = count
        let raw = lm_mmap(
            0, count * Pages.size, Int32(LM_PROT_READ | LM_PROT_WRITE), Int32(LM_MAP_SHARED), segment, 0)
        precondition(lm_is_error(raw) == 0)
        unsafe base = UnsafeMutableRawPointer(bitPattern: raw)!
    }

    deinit { lm_munmap(address, bytes) }

    func pointer(_ page: Int) -> UnsafeMutableRawPointer {
        unsafe base + page * Pages.size
    }

    /// A word of a page, atomically.
    subscript(page: Int, word: Int) -> UInt64 {
        get { unsafe atomic(page, word).pointee.load(ordering: .relaxed) }
        set { unsafe atomic(page, word).pointee.store(newValue, ordering: .relaxed) }
    }

    private func atomic(_ page: Int, _ word: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (base + page * Pages.size + word * 8).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// Gives a page a content of its own; 0 is the page of zeros.
    func fill(_ page: Int, seed: Int) {
        for word in 0..<Pages.words { self[page, word] = seed == 0 ? 0 : UInt64(seed * Pages.words + word) }
    }

    /// Whether the page has the content that `fill` gives.
    func holds(_ page: Int, seed: Int) -> Bool {
        for word in 0..<Pages.words
        where self[page, word] != (seed == 0 ? 0 : UInt64(seed * Pages.words + word)) { return false }
        return true
    }

    /// The kernel's page map of the mapping.
    func pagemap() -> [UInt64] {
        var entries = [UInt64](repeating: 0, count: count)
        let descriptor = lm_open_pagemap()
        defer { lm_close(descriptor) }
        unsafe entries.withUnsafeMutableBufferPointer { buffer in
            _ = unsafe lm_pagemap(descriptor, address, count, Pages.size, buffer.baseAddress!)
        }
        return entries
    }

    /// Pages that are pages of a file, as far as they are in the page table.
    func filePages() -> Int {
        pagemap().count { $0 & LM_PAGEMAP_PRESENT != 0 && $0 & LM_PAGEMAP_FILE != 0 }
    }

    /// Pages of private memory.
    func privatePages() -> Int {
        pagemap().count { $0 & LM_PAGEMAP_PRESENT != 0 && $0 & LM_PAGEMAP_FILE == 0 }
    }

    /// The lines of /proc/self/smaps that describe mappings within this one.
    func mappings() -> [ProcessMapping] {
        ProcessMapping.all().filter { $0.start < address + UInt(bytes) && $0.end > address }
    }
}
