import Glibc
import InProcess

/// The memory of the demo: copies of the machine's files in regions that merge, and the record of what they must hold.
final class DemoMemory {
    let layout: DemoLayout
    let pageSize: Int
    private let regions: [MergeableRegion]
    private var record: PageRecord
    private var progress = ProgressLine()

    /// Allocates the copies.
    init(layout: DemoLayout, merger: InProcessMerger) throws {
        self.layout = layout
        pageSize = merger.pageSize
        let bytes = layout.pagesPerCopy * merger.pageSize
        regions = try (0..<layout.copies).map { _ in try MergeableRegion.allocate(byteCount: bytes, in: merger) }
        record = PageRecord(layout: layout, pageSize: pageSize)
    }

    /// All memory that may merge.
    var byteCount: Int { layout.pages * pageSize }
    /// Pages of zeros, by the record.
    var zeroPages: Int { record.zeroPages }
    /// Pages that merging can give back, by the record.
    var duplicatePages: Int { record.duplicatePages }

    /// Fills every page and records it.
    ///
    /// - Returns: How many files the content is from.
    func fill() throws -> Int {
        defer { progress.clear() }
        var source = FilePages()
        // SAFETY: the scratch page and the page of the region stay while they are lent, and both have this size.
        try unsafe withScratchPage { scratch in
            for page in 0..<layout.pagesPerCopy {
                progress.show("filling", done: page, of: layout.pagesPerCopy)
                let kind = layout.kind(ofPage: page)
                if kind == .zeros {
                    unsafe memset(scratch.baseAddress!, 0, scratch.count)
                } else {
                    try unsafe source.next(into: scratch)
                }
                for copy in 0..<layout.copies {
                    if kind == .own {
                        let mark = layout.mark(page: page, copy: copy, pageSize: pageSize)
                        unsafe scratch.storeBytes(of: mark.value, toByteOffset: mark.offset, as: UInt64.self)
                    }
                    record[copy, page] = unsafe ContentHash.of(UnsafeRawBufferPointer(scratch))
                    try unsafe withPage(page, ofCopy: copy) { unsafe memcpy($0, scratch.baseAddress!, scratch.count) }
                }
            }
        }
        return source.files
    }

    /// Reads every byte of every page.
    ///
    /// - Returns: How many pages do not hold what the record says.
    func verify() throws -> Int {
        defer { progress.clear() }
        var wrong = 0
        for (copy, region) in regions.enumerated() {
            try unsafe region.withUnsafeBytes { bytes in
                for page in 0..<layout.pagesPerCopy {
                    progress.show("verifying", done: copy * layout.pagesPerCopy + page, of: layout.pages)
                    // SAFETY: the page lies within the region, which stays while its bytes are lent.
                    let start = page * pageSize
                    let content = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<start + pageSize])
                    if unsafe ContentHash.of(content) != record[copy, page] { wrong += 1 }
                }
            }
        }
        return wrong
    }

    /// Changes one byte of some pages, as a program does, and records what they must hold from now on.
    ///
    /// - Returns: How many pages.
    func write() throws -> Int {
        var written = 0
        // SAFETY: the scratch page and the page of the region stay while they are lent, and both have this size.
        try unsafe withScratchPage { scratch in
            for copy in 0..<layout.copies {
                for page in 0..<layout.pagesPerCopy where layout.isWritten(page: page, copy: copy) {
                    let offset = layout.writtenOffset(page: page, pageSize: pageSize)
                    try unsafe withPage(page, ofCopy: copy) { bytes in
                        unsafe memcpy(scratch.baseAddress!, bytes, scratch.count)
                        unsafe scratch[offset] ^= 0xA5
                        let value = unsafe scratch[offset]
                        unsafe bytes.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
                    }
                    record[copy, page] = unsafe ContentHash.of(UnsafeRawBufferPointer(scratch))
                    written += 1
                }
            }
        }
        return written
    }

    /// Undoes merging: pages have memory of their own again, those of zeros when they are written.
    func unmerge() throws {
        for region in regions { try region.unmerge() }
    }

    /// Lends the bytes of one page.
    private func withPage(_ page: Int, ofCopy copy: Int, _ body: (UnsafeMutableRawPointer) -> Void) throws {
        // SAFETY: the page lies within the region, which stays while its bytes are lent.
        try unsafe regions[copy].withUnsafeMutableBytes { unsafe body($0.baseAddress! + page * pageSize) }
    }

    /// Lends a page that is not merged.
    private func withScratchPage(_ body: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: pageSize, alignment: pageSize)
        defer { unsafe scratch.deallocate() }
        try unsafe body(scratch)
    }
}
