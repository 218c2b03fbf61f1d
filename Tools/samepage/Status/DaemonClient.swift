import ControlSocket
import Glibc

/// Asks a daemon by its control socket; errors say what to do.
struct DaemonClient {
    /// The daemon's socket for programs.
    let socketPath: String

    func status() throws(CommandFailure) -> ControlStatus {
        try asking { client throws(ControlError) in try client.status() }
    }

    func value(of attribute: String) throws(CommandFailure) -> String {
        try asking { client throws(ControlError) in try client.value(of: attribute) }
    }

    func set(_ attribute: String, to value: String) throws(CommandFailure) {
        try asking { client throws(ControlError) in try client.set(attribute, to: value) }
    }

    private func asking<Answer>(
        _ ask: (ControlClient) throws(ControlError) -> Answer
    ) throws(CommandFailure) -> Answer {
        let path = ControlSocket.path(besides: socketPath)
        do throws(ControlError) {
            return try ask(ControlClient(path: path))
        } catch {
            throw CommandFailure(explanation(error, path))
        }
    }

    private func explanation(_ error: ControlError, _ path: String) -> String {
        switch error.code {
        case .nobodyAnswers:
            // A daemon may be there that does not serve people.
            switch DaemonPresence.connect(socketPath) {
            case 0: "the daemon on \(socketPath) has no front end 'control': start it with frontEnds control"
            case EACCES, EPERM: DaemonPresence.refusal(socketPath)
            default: "no daemon answers on \(socketPath): start one with 'samepage daemon'"
            }
        case .notPermitted: DaemonPresence.refusal(path)
        case .refused, .broken, .cannotListen: error.description
        }
    }
}
