import Glibc
import Testing

/// What a run of the samepage program gave.
struct CommandResult: Sendable {
    /// The exit status; `nil` when a signal ended the program.
    let status: Int32?
    let output: String
    let errors: String

    /// Whether standard error has exactly one line, of the program's own.
    var isOneLineOfError: Bool {
        errors.hasPrefix("samepage: ") && errors.hasSuffix("\n") && errors.count { $0 == "\n" } == 1
    }
}

/// Runs the program that was built with the tests.
func samepage(_ arguments: String...) async throws -> CommandResult { try await samepage(arguments: arguments) }

/// Runs the program that was built with the tests, perhaps as a user without rights.
func samepage(arguments: [String], asNobody: Bool = false) async throws -> CommandResult {
    let nobody = asNobody ? ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []
    return try await execute(nobody + [samepagePath()] + arguments)
}

/// The program that was built with the tests.
func samepagePath() throws -> String { "\(try productFolder())/samepage" }

/// Where the build put its products: beside the tests.
private func productFolder() throws -> String {
    var path = [UInt8](repeating: 0, count: 4096)
    let size = path.count
    // SAFETY: the buffer outlives the call and has this size.
    let count = unsafe path.withUnsafeMutableBytes { buffer in
        unsafe readlink("/proc/self/exe", buffer.baseAddress!.assumingMemoryBound(to: CChar.self), size)
    }
    try #require(count > 0, "/proc/self/exe cannot be read")
    let program = String(decoding: path[..<count], as: UTF8.self)
    return program.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
}
