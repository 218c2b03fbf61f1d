import ArgumentParser
import ControlSocket
import Merger

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
        let report = StatusReport(status, dialect: daemon.dialect?.dialect)
        print(try json ? JSONOutput.text(of: report) : report.text(path), terminator: "")
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
        let client = DaemonClient(socketPath: try daemon.socketPath())
        print(StandardError.printable(try client.value(of: name, in: daemon.dialect?.dialect)))
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

    func run() throws {
        let client = DaemonClient(socketPath: try daemon.socketPath())
        try client.set(name, to: value)
    }
}

/// Which daemon is asked, and how.
struct DaemonOptions: ParsableArguments {
    @OptionGroup var socket: SocketOption

    @Option(
        help: ArgumentHelp(
            "Whose names attributes have: linux or 2009. Without it, that of the daemon.", valueName: "name"))
    var dialect: DialectArgument?

    /// The path of the daemon's socket.
    func socketPath() throws(CommandFailure) -> String { try socket.path(.toConnect) }
}

/// A dialect on the command line.
struct DialectArgument: ExpressibleByArgument {
    let dialect: MergerDialect

    init?(argument: String) {
        guard let dialect = MergerDialect(rawValue: argument) else { return nil }
        self.dialect = dialect
    }

    static var allValueStrings: [String] { MergerDialect.allCases.map(\.rawValue) }
}
