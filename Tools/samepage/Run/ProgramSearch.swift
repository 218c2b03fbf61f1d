import CLinuxMemory
import Glibc

/// Finds the file of a program as execvp does.
enum ProgramSearch {
    /// Why there is no program to start.
    struct Failure: Error, Hashable {
        /// 126 or 127, as env(1) has them.
        let status: Int32
        /// One line.
        let description: String

        init(_ name: String, _ number: Int32) {
            status = number == ENOENT || number == ENOTDIR ? 127 : 126
            description = "cannot start '\(name)': \(SystemError.text(number))"
        }
    }

    /// The path of a program; names without a slash are looked for in PATH.
    static func find(_ name: String, path: String? = Environment.value(of: "PATH")) throws(Failure) -> String {
        if name.isEmpty { throw Failure(name, ENOENT) }
        if name.contains("/") {
            let error = obstacle(name)
            if error != 0 { throw Failure(name, error) }
            return name
        }
        var found = ENOENT
        for folder in (path ?? "/bin:/usr/bin").split(separator: ":", omittingEmptySubsequences: false) {
            let candidate = folder.isEmpty ? name : "\(folder)/\(name)"
            let error = obstacle(candidate)
            if error == 0 { return candidate }
            if error != ENOENT, error != ENOTDIR { found = error }
        }
        throw Failure(name, found)
    }

    /// 0 for a file that may be executed, else the error number.
    private static func obstacle(_ path: String) -> Int32 {
        var status = stat()
        // SAFETY: the structure outlives the call.
        if unsafe stat(path, &status) != 0 { return errno }
        if status.st_mode & S_IFMT != S_IFREG { return EACCES }
        return unsafe access(path, X_OK) == 0 ? 0 : errno
    }
}

/// Replaces this process by a program.
enum ProgramStart {
    /// Comes back only if the program could not be started: with the error number.
    static func become(_ path: String, _ arguments: [String], _ environment: EnvironmentList) -> Int32 {
        let error = execute(path, arguments, environment)
        // A script without a first line that names its interpreter, as execvp has it.
        return error == ENOEXEC ? execute("/bin/sh", ["/bin/sh", path] + arguments.dropFirst(), environment) : error
    }

    /// Why the program could not be started, as far as the kernel says before it reads the file; 0 if nothing is known.
    static func obstacle(_ path: String, _ arguments: [String], _ environment: EnvironmentList) -> Int32 {
        let result = unsafe withLists(arguments, environment) { words, variables in
            unsafe lm_check_execution(path, words, variables)
        }
        return result == -EINVAL || result == -ENOSYS ? 0 : -result
    }

    private static func execute(_ path: String, _ arguments: [String], _ environment: EnvironmentList) -> Int32 {
        unsafe withLists(arguments, environment) { words, variables in
            unsafe execve(path, words, variables)
            return errno
        }
    }

    private typealias List = UnsafePointer<UnsafeMutablePointer<CChar>?>

    private static func withLists(
        _ arguments: [String], _ environment: EnvironmentList, _ body: (List, List) -> Int32
    ) -> Int32 {
        // SAFETY: the copies end with zeros, the lists with nulls; they live until the body has returned.
        let words: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        let variables: [UnsafeMutablePointer<CChar>?] = unsafe environment.entries.map { unsafe copy($0) } + [nil]
        defer {
            unsafe words.forEach { unsafe free($0) }
            unsafe variables.forEach { unsafe free($0) }
        }
        return unsafe words.withUnsafeBufferPointer { words in
            unsafe variables.withUnsafeBufferPointer { variables in
                unsafe body(words.baseAddress!, variables.baseAddress!)
            }
        }
    }

    /// The bytes, and a zero.
    private static func copy(_ bytes: [UInt8]) -> UnsafeMutablePointer<CChar>? {
        unsafe (bytes + [0]).withUnsafeBufferPointer { bytes in
            // SAFETY: the bytes end with a zero.
            unsafe bytes.withMemoryRebound(to: CChar.self) { unsafe strdup($0.baseAddress!) }
        }
    }
}
