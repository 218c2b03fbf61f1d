import Glibc

/// Small files of text.
enum TextFile {
    /// More than any configuration or scenario.
    private static let mostBytes = 1 << 20

    /// The whole of a file.
    ///
    /// - Throws: ``CommandFailure`` for what cannot be read, or is no text.
    static func read(_ path: String) throws(CommandFailure) -> String {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw CommandFailure("cannot read \(path): \(SystemError.text(errno))") }
        defer { close(file) }
        var bytes: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65536)
        while true {
            // SAFETY: the buffer outlives the call and has this size.
            let count = unsafe Glibc.read(file, &room, 65536)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw CommandFailure("cannot read \(path): \(SystemError.text(errno))") }
            if count == 0 { break }
            bytes += room[..<count]
            guard bytes.count <= mostBytes else {
                throw CommandFailure("\(path) is larger than the \(mostBytes >> 20) MiB that are read")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure("\(path) is not UTF-8 text")
        }
        return text
    }
}

/// Error numbers for people.
enum SystemError {
    /// What the system calls an error number, for example "No such file or directory".
    static func text(_ number: Int32) -> String {
        // SAFETY: the text is copied before another call can change it.
        unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
    }
}
