import ArgumentParser
import ControlSocket

/// `samepage status`.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what a daemon merges, for which programs, and why other memory is not merged.",
        discussion: "Everyone sees their own programs; root and the daemon's user see all.")

    @OptionGroup var daemon: DaemonOptions

    @Flag(help: "Print one JSON object; sizes in bytes.")
    var json = false

    func run() throws {
        let path = try daemon.socketPath()
        let status = try DaemonClient(socketPath: path).status()
        print(try json ? JSONOutput.text(of: StatusReport(status)) : StatusReport(status).text(path), terminator: "")
    }
}

/// `samepage get`.
struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Print the value of an attribute; names are those of /sys/kernel/mm/ksm.")

    @OptionGroup var daemon: DaemonOptions

    @Argument(help: "The attribute; 'samepage status' lists all.")
    var name: String

    func run() throws {
        print(StandardError.printable(try DaemonClient(socketPath: try daemon.socketPath()).value(of: name)))
    }
}

/// `samepage set`.
struct SetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set an attribute; names and values are those of /sys/kernel/mm/ksm.",
        discussion: "Only root and the daemon's user may.")

    @OptionGroup var daemon: DaemonOptions

    @Argument(help: "The attribute; 'samepage status' lists all.")
    var name: String

    @Argument(help: "Its new value.")
    var value: String

    func run() throws { try DaemonClient(socketPath: try daemon.socketPath()).set(name, to: value) }
}

/// Which daemon is asked, and how.
struct DaemonOptions: ParsableArguments {
    @OptionGroup var socket: SocketOption

    @Option(help: ArgumentHelp("Whose names attributes have: linux; 2009 is not available yet.", valueName: "name"))
    var dialect = "linux"

    func validate() throws {
        guard ["linux", "2009"].contains(dialect) else {
            throw ValidationError("dialect '\(dialect)' is not known: choose linux")
        }
    }

    /// The path of the daemon's socket.
    func socketPath() throws(CommandFailure) -> String {
        guard dialect == "linux" else {
            throw CommandFailure("dialect '\(dialect)' is not available yet: use --dialect linux")
        }
        return try socket.path(.toConnect)
    }
}
