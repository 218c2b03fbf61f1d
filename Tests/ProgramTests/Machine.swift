import Glibc
import Testing

/// What these tests need of the machine and of the build.
enum Machine {
    /// The folder of the build's products: beside the tests.
    static let products: String = {
        let program = target(ofLink: "/proc/self/exe") ?? ""
        return program.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    }()

    /// The folder of this file.
    static let sources: String = {
        return "\(#filePath)".split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    }()

    /// The programs of these tests, as sources: Tests/Programs.
    static var programs: String { "\(sources)/../Programs" }
    static var samepage: String { "\(products)/samepage" }
    static var agent: String { "\(products)/libsamepage-agent.so" }

    /// Why the tests cannot run here; `nil` if they can.
    static let obstacle: String? = {
        guard geteuid() == 0 else { return "needs root" }
        let release = text(ofFile: "/proc/sys/kernel/osrelease").split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        guard release.count == 2, (release[0], release[1]) >= (6, 8) else { return "needs Linux 6.8 or later" }
        guard program("cc") != nil else { return "needs a C compiler, cc" }
        guard exists("/proc/self/pagemap") else { return "needs /proc/PID/pagemap" }
        return nil
    }()

    /// SAFETY: texts are passed as they are, and outlive the call.
    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// A variable of the environment.
    static func variable(_ name: String) -> String? {
        // SAFETY: the environment is not changed while tests run; the text is copied at once.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// The path of a program, looked for as a shell does.
    static func program(_ name: String) -> String? {
        let folders = variable("PATH") ?? "/usr/bin:/bin"
        // SAFETY: as for `exists`.
        return folders.split(separator: ":").map { "\($0)/\(name)" }.first { unsafe access($0, X_OK) == 0 }
    }

    /// What a symbolic link says.
    static func target(ofLink path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 4096)
        // SAFETY: the array has this size.
        let count = unsafe bytes.withUnsafeMutableBufferPointer { unsafe readlink(path, $0.baseAddress!, $0.count) }
        guard count > 0 else { return nil }
        return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The next bytes of a file, at most 64 KiB; none at its end, or when there is nothing to read now.
    static func read(_ file: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 65536)
        // SAFETY: the array has this size.
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
        return Array(bytes[..<max(0, count)])
    }

    /// The first bytes of a file, at most 64 KiB.
    static func start(_ file: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 65536)
        // SAFETY: the array has this size.
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe pread(file, $0.baseAddress, $0.count, 0) }
        return Array(bytes[..<max(0, count)])
    }

    /// Opens a file; -1 if that fails.
    static func open(_ path: String, _ flags: Int32) -> Int32 {
        // SAFETY: as for `exists`.
        unsafe Glibc.open(path, flags | O_CLOEXEC, 0o600)
    }

    /// A file as a whole; empty if it cannot be read.
    static func text(ofFile path: String) -> String {
        let file = open(path, O_RDONLY)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes: [UInt8] = []
        while true {
            let piece = read(file)
            guard !piece.isEmpty else { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece
        }
    }

    /// Writes a short text to a file that is there.
    @discardableResult
    static func write(_ text: String, toFile path: String) -> Bool {
        let file = open(path, O_WRONLY)
        guard file >= 0 else { return false }
        defer { close(file) }
        // SAFETY: the bytes outlive the call.
        return unsafe Array(text.utf8).withUnsafeBytes {
            unsafe Glibc.write(file, $0.baseAddress, $0.count) == $0.count
        }
    }

    /// The names in a folder.
    static func names(inFolder path: String) -> [String] {
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
}

/// A folder that goes with everything in it.
final class Folder {
    let path: String

    init() throws {
        var template = Array("/tmp/samepage-programs-XXXXXX".utf8CString)
        // SAFETY: the template ends with a zero, and the call keeps its length.
        let made = unsafe template.withUnsafeMutableBufferPointer { unsafe mkdtemp($0.baseAddress!) != nil }
        try #require(made, "no temporary folder")
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        permit(0o755)
    }

    /// Sets the rights to it.
    func permit(_ mode: mode_t) {
        // SAFETY: the text outlives the call.
        unsafe chmod(path, mode)
    }

    /// Puts copies of programs there, which everybody may read and run.
    func install(_ files: [String]) async throws {
        let install = [try #require(Machine.program("install")), "-m", "755"]
        let copied = try await run(install + files + [path])
        try #require(copied.status == 0, "\(copied.errors)")
    }

    deinit { Folder.remove(path) }

    private static func remove(_ path: String) {
        for name in Machine.names(inFolder: path) {
            // SAFETY: the texts outlive the calls.
            if unsafe unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
        }
        unsafe rmdir(path)
    }
}
