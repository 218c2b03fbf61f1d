import ArgumentParser

/// The command line of Samepage.
@main
struct Samepage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "samepage",
        abstract: "Same-page merging in user space: pages with equal content share one physical page, copy-on-write.",
        version: "0.1.0",
        subcommands: [
            DaemonCommand.self, RunCommand.self, StatusCommand.self, GetCommand.self, SetCommand.self, DemoCommand.self,
            DemoProcessCommand.self, SimulateCommand.self, StrategiesCommand.self,
        ])

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
        StandardError.write("samepage: \(message)")
        exit(withError: isUsage ? ExitCode.validationFailure : ExitCode.failure)
    }
}
