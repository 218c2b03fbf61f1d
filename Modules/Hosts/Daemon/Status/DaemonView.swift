import FrontEnd
import Merger

/// The daemon as an ordinary user sees it: the user's own domains, and nothing to set.
struct DaemonView: MergerControl {
    let daemon: SamepageDaemon
    let user: UInt32

    var pageSize: Int { daemon.pageSize }
    var access: SocketAccess { daemon.access }

    func counters() throws -> Counters { daemon.counters(of: .user(user)) }
    func attributes() throws -> [String] { try daemon.attributes() }
    func value(of attribute: String) throws -> String { try daemon.value(of: attribute, for: .user(user)) }
    func description() throws -> MergerDescription { daemon.description(for: .user(user)) }
    func clients() throws -> [ClientReport] { daemon.clients(of: .user(user)) }
    func asSeen(by user: UInt32) -> any MergerControl { user == self.user ? self : daemon.asSeen(by: user) }

    func set(_ attribute: String, to value: String) throws {
        throw DaemonError("only root and the user that runs the daemon may change settings")
    }
}
