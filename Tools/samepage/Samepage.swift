import ArgumentParser
import Glibc

/// The command line of Samepage.
@main
struct Samepage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "samepage",
        abstract: "Same-page merging in user space: pages with equal content share one physical page, copy-on-write.",
        version: "0.1.0",
        subcommands: [DemoCommand.self, StrategiesCommand.self])

    /// Runs a command. Results go to standard output; an error is one line on standard error, with exit status 64 for a
    /// wrong command line and 1 for all else.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            finish(error)
        }
    }

    private static func finish(_ error: any Error) -> Never {
        let status = exitCode(for: error)
        guard status != .success else {
            print(fullMessage(for: error))
            exit(withError: ExitCode.success)
        }
        let isUsage = status == .validationFailure
        let message = isUsage ? "\(message(for: error)); see 'samepage --help'" : String(describing: error)
        complain(message)
        exit(withError: isUsage ? ExitCode.validationFailure : ExitCode.failure)
    }

    /// One line on standard error.
    private static func complain(_ message: String) {
        let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        var bytes = Array("samepage: \(line)\n".utf8)
        let count = bytes.count
        // SAFETY: the bytes outlive the call.
        _ = unsafe bytes.withUnsafeMutableBytes { unsafe write(STDERR_FILENO, $0.baseAddress, count) }
    }
}
