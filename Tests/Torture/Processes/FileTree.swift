import Glibc

/// Files and folders.
enum FileTree {
    /// The names in a folder.
    static func names(in path: String) -> [String] {
        // SAFETY: an entry is valid until the next call; its name ends with a zero and is copied.
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// What a symbolic link says.
    static func target(ofLink path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 4096)
        // SAFETY: the array has this size.
        let count = unsafe bytes.withUnsafeMutableBufferPointer { unsafe readlink(path, $0.baseAddress!, $0.count) }
        guard count > 0 else { return nil }
        return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A file as a whole; empty if it cannot be read.
    static func text(_ path: String) -> String {
        // SAFETY: the text outlives the call.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var all: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 65536)
        while true {
            // SAFETY: the array has this size.
            let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
            guard count > 0 else { return String(decoding: all, as: UTF8.self) }
            all += bytes[..<count]
        }
    }

    /// A new folder.
    static func makeFolder() throws -> String {
        var template = Array("/tmp/samepage-torture-XXXXXX".utf8CString)
        // SAFETY: the template ends with a zero, and the call keeps its length.
        let made = unsafe template.withUnsafeMutableBufferPointer { unsafe mkdtemp($0.baseAddress!) != nil }
        guard made else { throw TortureError(message: "no temporary folder: error \(errno)") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes a folder of files.
    static func remove(_ folder: String) {
        for name in names(in: folder) {
            // SAFETY: the text outlives the call.
            unsafe unlink("\(folder)/\(name)")
        }
        // SAFETY: as above.
        unsafe rmdir(folder)
    }
}
