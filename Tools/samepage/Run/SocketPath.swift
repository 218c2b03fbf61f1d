import ArgumentParser
import Glibc

/// Where the daemon is found, or listens.
package enum SocketPath {
    /// What the path is for.
    package enum Use: Sendable {
        /// The daemon's own.
        case toListen
        /// To find a daemon: the user's own is passed over when it is not there and the machine's is.
        case toConnect
    }

    /// The path that was asked for, else that of `SAMEPAGE_SOCKET`, else `samepage.sock` in `$XDG_RUNTIME_DIR`, else
    /// `/run/samepage.sock`; absolute.
    package static func resolve(
        _ asked: String?, _ use: Use, variable: (String) -> String? = Environment.value
    ) -> String {
        let machine = "/run/samepage.sock"
        if let named = asked ?? variable("SAMEPAGE_SOCKET") { return absolute(named) }
        guard let folder = variable("XDG_RUNTIME_DIR") else { return machine }
        let own = absolute("\(folder)/samepage.sock")
        return use == .toConnect && !exists(own) && exists(machine) ? machine : own
    }

    /// A path that means the same in any folder.
    package static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        // SAFETY: the call allocates the result, which ends with a zero and is freed here.
        guard let folder = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(folder) }
        return "\(unsafe String(cString: folder))/\(path)"
    }

    private static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
}

/// `--socket`.
struct SocketOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon's socket; else that of SAMEPAGE_SOCKET, $XDG_RUNTIME_DIR/samepage.sock or /run/samepage.sock.",
            valueName: "path"))
    var socket: String?

    func validate() throws {
        guard let socket else { return }
        // The control socket's path is longer by ".control".
        guard 1...99 ~= socket.utf8.count, !socket.utf8.contains(0) else {
            throw ValidationError("--socket '\(socket)' is not from 1 to 99 bytes long")
        }
    }

    /// The path to use.
    func path(_ use: SocketPath.Use) throws(CommandFailure) -> String {
        let path = SocketPath.resolve(socket, use)
        guard path.utf8.count <= 99 else {
            throw CommandFailure(
                "the socket's path '\(path)' is longer than 99 bytes: choose a shorter one by --socket")
        }
        return path
    }
}
