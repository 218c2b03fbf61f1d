import ControlSocket
import Glibc
import Merger

/// Asks a daemon by its control socket; errors say what to do.
struct DaemonClient {
    /// The daemon's socket for programs.
    let socketPath: String

    func status() throws(CommandFailure) -> ControlStatus {
        try asking { client throws(ControlError) in try client.status() }
    }

    /// - Parameter dialect: Which `pages_shared` is meant; the daemon's own dialect unless told otherwise.
    func value(of attribute: String, in dialect: MergerDialect? = nil) throws(CommandFailure) -> String {
        let names = Set(MergerDialect.allCases.map { $0.todaysName(of: attribute) })
        return try asking { client throws(ControlError) in
            // Only where it matters is the daemon asked.
            var meant = dialect ?? .linux
            if names.count > 1, dialect == nil { meant = try client.status().dialect }
            return try client.value(of: meant.todaysName(of: attribute))
        }
    }

    func set(_ attribute: String, to value: String) throws(CommandFailure) {
        try asking { client throws(ControlError) in try client.set(attribute, to: value) }
    }

    private func asking<Answer>(
        _ ask: (ControlClient) throws(ControlError) -> Answer
    ) throws(CommandFailure) -> Answer {
        let path = ControlSocket.path(besides: socketPath)
        do throws(ControlError) {
            return try ask(ControlClient(path: path) { DaemonPresence.objection($0, path) })
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
        case .notTrusted, .refused, .broken, .cannotListen: error.description
        }
    }
}
