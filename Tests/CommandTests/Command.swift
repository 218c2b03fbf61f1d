import Glibc
import Subprocess
import Testing

/// What a run of the samepage program gave.
struct CommandResult: Sendable {
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

/// Runs the program that was built with the tests, perhaps as another user.
func samepage(arguments: [String], asUser user: UInt32? = nil) async throws -> CommandResult {
    var options = PlatformOptions()
    options.userID = user
    let result = try await run(
        .name("samepage"), arguments: Arguments(arguments),
        environment: .inherit.updating(["PATH": try productFolder()]), platformOptions: options,
        output: .string(limit: 1 << 20),
        error: .string(limit: 1 << 20))
    let status: Int32? = if case .exited(let code) = result.terminationStatus { code } else { nil }
    return CommandResult(status: status, output: result.standardOutput, errors: result.standardError)
}

/// Where the build put its products: beside the tests.
private func productFolder() throws -> String {
    var path = [UInt8](repeating: 0, count: 4096)
    // SAFETY: the buffer outlives the call and has this size.
    let count = unsafe path.withUnsafeMutableBytes { buffer in
        unsafe readlink("/proc/self/exe", buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    try #require(count > 0, "/proc/self/exe cannot be read")
    let program = String(decoding: path[..<count], as: UTF8.self)
    return program.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
}
