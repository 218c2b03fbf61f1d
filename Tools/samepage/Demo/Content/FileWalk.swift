import Glibc

/// Paths of all regular files below some folders, folder by folder, in the order of their names. Links are not
/// followed; folders that cannot be read are passed over.
struct FileWalk: Sequence, IteratorProtocol {
    private var folders: [String]
    private var files: [String] = []

    /// Walks below folders, the first one first.
    init(below folders: [String]) { self.folders = folders.reversed() }

    mutating func next() -> String? {
        while files.isEmpty {
            guard let folder = folders.popLast() else { return nil }
            enter(folder)
        }
        return files.removeLast()
    }

    private mutating func enter(_ folder: String) {
        var inner: [String] = []
        for name in FileWalk.names(in: folder) {
            let path = "\(folder)/\(name)"
            var status = stat()
            // SAFETY: the path and the structure outlive the call.
            guard unsafe lstat(path, &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: inner.append(path)
            case S_IFREG where status.st_size > 0: files.append(path)
            default: break
            }
        }
        files.sort(by: >)
        folders += inner.sorted(by: >)
    }

    /// What a folder holds, in no order; nothing if it cannot be read.
    static func names(in folder: String) -> [String] {
        // SAFETY: the stream is closed when this returns; an entry is used before the next one is read.
        guard let stream = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe FileWalk.name(of: entry)
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    @unsafe
    private static func name(of entry: UnsafeMutablePointer<dirent>) -> String {
        // SAFETY: the kernel ends the name with a zero within the field.
        unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
            unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
        }
    }
}
