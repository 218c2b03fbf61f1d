import PageMemory
import Wire

/// One process of a domain.
final class Client {
    let connection: AgentConnection
    /// The merger's areas by the agent's numbers.
    var areas: [UInt32: ClientArea] = [:]
    /// Areas that lie where others of the process still leave.
    var waiting: [WireArea] = []
    /// Pages of ``areas``, holes included.
    var pages: UInt64 = 0
    /// Areas that may have pages over frames although `run` is 2.
    var toUnshare: Set<AreaID> = []
    /// Whether the process has ended.
    var hasEnded = false
    /// Why pages were left alone lately.
    var reasons: Set<SiteOutcome> = []
    /// What its agent last said of itself, and when it was asked.
    var statistics: AgentStatistics?
    var asked: UInt64?
    /// When it was last looked at whether it still belongs here.
    var examined: UInt64?
    /// Requests to it when it was asked.
    var requestsWhenAsked: UInt64 = 0

    init(_ connection: AgentConnection) { self.connection = connection }

    var identity: ClientIdentity { connection.identity }

    /// What its agent's thread has used, as last heard.
    var cpuNanoseconds: UInt64 { max(statistics?.figures.cpuNanoseconds ?? 0, connection.cpuNanoseconds) }

    /// For the log.
    var name: String { "process \(identity.pid) (\(identity.command)) of user \(identity.user)" }

    /// Pages that a client may announce, holes included: 8 TiB of 4 KiB pages.
    static let mostPages: UInt64 = 1 << 31
    /// Areas that may wait.
    static let mostWaiting = 1024
    /// No address space reaches beyond this page.
    static let endOfSpace: UInt64 = 1 << 52
}

/// An area of a client.
struct ClientArea {
    var id: AreaID
    var pageCount: UInt32
}
