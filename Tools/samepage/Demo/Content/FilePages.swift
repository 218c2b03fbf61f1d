import Glibc

/// Pages of real content: the machine's files one after the other, each from a page of its own, the end filled with
/// zeros, as in the page cache. Starts again where the machine has no more files.
struct FilePages: ~Copyable {
    private static let folders = ["/usr/lib", "/usr/bin", "/usr/share", "/usr", "/opt", "/etc"]
    /// No file gives more, so that one huge file does not become all of the content.
    private static let pagesPerFile = 4096

    private var walk = FileWalk(below: folders)
    /// Files had in this walk: hard links and folders met twice give nothing new.
    private var seen: Set<FileIdentity> = []
    private var file: Int32 = -1
    private var pagesLeft = 0
    private var pagesThisWalk = 0
    private var isFirstWalk = true
    /// Different files that gave content so far.
    private(set) var files = 0

    private struct FileIdentity: Hashable {
        let device: UInt
        let number: UInt
    }

    init() {}

    deinit { if file >= 0 { close(file) } }

    /// Fills a page with the next content.
    ///
    /// - Throws: ``CommandFailure`` when the machine has no file to read at all.
    mutating func next(into page: UnsafeMutableRawBufferPointer) throws(CommandFailure) {
        while true {
            if file >= 0, pagesLeft > 0 {
                // SAFETY: the caller keeps the page.
                let count = unsafe fill(page)
                if count > 0 {
                    unsafe memset(page.baseAddress! + count, 0, page.count - count)
                    pagesLeft -= 1
                    pagesThisWalk += 1
                    return
                }
            }
            try openNext()
        }
    }

    /// Reads up to a page; 0 at the end of the file or if it cannot be read.
    private func fill(_ page: UnsafeMutableRawBufferPointer) -> Int {
        var count = 0
        while count < page.count {
            // SAFETY: the bytes lie within the page.
            let more = unsafe read(file, page.baseAddress! + count, page.count - count)
            guard more > 0 else { break }
            count += more
        }
        return count
    }

    private mutating func openNext() throws(CommandFailure) {
        if file >= 0 { close(file) }
        file = -1
        while let path = walk.next() {
            // SAFETY: the path outlives the call.
            let opened = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            guard opened >= 0 else { continue }
            var status = stat()
            let isKnown = unsafe fstat(opened, &status) == 0
            let identity = FileIdentity(device: UInt(status.st_dev), number: UInt(status.st_ino))
            guard isKnown, status.st_mode & S_IFMT == S_IFREG, seen.insert(identity).inserted else {
                close(opened)
                continue
            }
            file = opened
            pagesLeft = FilePages.pagesPerFile
            if isFirstWalk { files += 1 }
            return
        }
        guard pagesThisWalk > 0 else {
            throw CommandFailure(
                "no file below \(FilePages.folders.joined(separator: ", ")) can be read; the demo needs real content")
        }
        pagesThisWalk = 0
        isFirstWalk = false
        seen = []
        walk = FileWalk(below: FilePages.folders)
    }
}
