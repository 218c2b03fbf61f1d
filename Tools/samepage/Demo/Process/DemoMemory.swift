import Glibc

/// The memory of one process of the demo: pages of the machine's files, and the record of what they must hold.
///
/// It is ordinary private memory of `mmap`, marked by `madvise`, as any program's.
@safe
final class DemoMemory {
    let layout: DemoLayout
    let pageSize: Int
    private let process: Int
    private let base: UnsafeMutableRawPointer
    private var record: PageRecord

    /// Maps the memory of one of the processes.
    init(layout: DemoLayout, process: Int) throws(CommandFailure) {
        self.layout = layout
        self.process = process
        pageSize = sysconf(Int32(_SC_PAGESIZE))
        let bytes = layout.pagesPerProcess * pageSize
        // SAFETY: a new mapping, of which nobody else knows.
        guard let base = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            unsafe base != MAP_FAILED
        else { throw CommandFailure("no \(Numbers.mebibytes(bytes)) MiB of memory: \(SystemError.text(errno))") }
        unsafe self.base = unsafe base
        record = PageRecord(pages: layout.pagesPerProcess, pageSize: pageSize)
    }

    deinit {
        // SAFETY: all that used the memory has gone with this object.
        unsafe munmap(base, layout.pagesPerProcess * pageSize)
    }

    /// Fills every page, and records it for this process and for the demo.
    ///
    /// - Parameter tell: Told how many pages are done.
    /// - Returns: How many files the content is from.
    func fill(_ tell: (Int) -> Void) throws -> Int {
        var source = FilePages()
        // SAFETY: the scratch page stays while it is lent, and has the size of a page.
        try unsafe withScratchPage { scratch in
            for page in 0..<layout.pagesPerProcess {
                tell(page)
                let kind = layout.kind(ofPage: page)
                if kind == .zeros {
                    unsafe memset(scratch.baseAddress!, 0, scratch.count)
                } else {
                    try unsafe source.next(into: scratch)
                }
                if kind == .own {
                    let mark = layout.mark(page: page, process: process, pageSize: pageSize)
                    unsafe scratch.storeBytes(of: mark.value, toByteOffset: mark.offset, as: UInt64.self)
                }
                record[page] = unsafe ContentHash.of(UnsafeRawBufferPointer(scratch))
                unsafe memcpy(bytes(ofPage: page).baseAddress!, scratch.baseAddress!, scratch.count)
            }
        }
        try RecordFile(descriptor: RecordFile.descriptorOfProcess).write(record)
        return source.files
    }

    /// Reads every byte of every page.
    ///
    /// - Returns: How many pages do not hold what the record says.
    func verify(_ tell: (Int) -> Void) -> Int {
        var wrong = 0
        for page in 0..<layout.pagesPerProcess {
            tell(page)
            // SAFETY: the page lies within the memory, which stays.
            if unsafe ContentHash.of(UnsafeRawBufferPointer(bytes(ofPage: page))) != record[page] { wrong += 1 }
        }
        return wrong
    }

    /// Changes one byte of some pages, as a program does, and records what they must hold from now on.
    ///
    /// - Returns: How many pages.
    func write() throws -> Int {
        var written = 0
        // SAFETY: the scratch page stays while it is lent, and has the size of a page; pages lie within the memory.
        unsafe withScratchPage { scratch in
            for page in 0..<layout.pagesPerProcess where layout.isWritten(page: page, process: process) {
                let bytes = unsafe bytes(ofPage: page)
                let offset = layout.writtenOffset(page: page, pageSize: pageSize)
                unsafe memcpy(scratch.baseAddress!, bytes.baseAddress!, scratch.count)
                unsafe scratch[offset] ^= 0xA5
                unsafe bytes[offset] = unsafe scratch[offset]
                record[page] = unsafe ContentHash.of(UnsafeRawBufferPointer(scratch))
                written += 1
            }
        }
        try RecordFile(descriptor: RecordFile.descriptorOfProcess).write(record)
        return written
    }

    /// Gives advice on all of the memory.
    ///
    /// - Returns: How many pages.
    func advise(_ advice: Int32) throws(CommandFailure) -> Int {
        // SAFETY: merging and unmerging change no content, and the memory stays.
        guard unsafe madvise(base, layout.pagesPerProcess * pageSize, advice) == 0 else {
            throw CommandFailure("madvise with advice \(advice): \(SystemError.text(errno))")
        }
        return layout.pagesPerProcess
    }

    /// The bytes of a page, for as long as this object lives.
    @unsafe
    private func bytes(ofPage page: Int) -> UnsafeMutableRawBufferPointer {
        // SAFETY: the page lies within the memory.
        unsafe UnsafeMutableRawBufferPointer(start: base + page * pageSize, count: pageSize)
    }

    /// Lends a page that cannot be merged.
    private func withScratchPage(_ body: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: pageSize, alignment: pageSize)
        defer { unsafe scratch.deallocate() }
        try unsafe body(scratch)
    }
}
