import CLinuxMemory
import FrontEnd
import Merger
import ScanPolicy
import Wire

/// Whose domains somebody sees.
enum Viewer: Hashable, Sendable {
    case everyone
    case user(UInt32)

    func sees(_ user: UInt32) -> Bool {
        switch self {
        case .everyone: true
        case .user(let own): own == user
        }
    }
}

/// An attribute that was set.
struct AttributeChange: Hashable, Sendable {
    var name: String
    var value: String
}

/// What ended domains of a user have counted.
struct PastTally: Sendable {
    var counters = Counters()
    var cpuNanoseconds: UInt64 = 0
    var writesWaited: UInt64 = 0

    mutating func add(_ report: DomainReport) {
        counters.addPast(report.counters)
        cpuNanoseconds &+= report.cpuNanoseconds
        writesWaited &+= report.writesWaited
    }
}

/// What the daemon's threads share.
struct ServiceState: ~Copyable {
    /// A merger without areas: knows the attributes, and refuses what all would refuse.
    var template: Merger
    /// Attributes of the policy; their values may differ from domain to domain.
    let policyAttributes: [String]
    /// What was set, in the order in which it was set last, for domains that come later.
    var changes: [AttributeChange] = []
    /// As they are now.
    var settings: DaemonSettings {
        didSet { share.percent = settings.cpuShare }
    }
    /// As they were last told: what was not told anew keeps a value that was set otherwise.
    var toldSettings: DaemonSettings
    let description: MergerDescription

    /// In the order in which they began.
    var domains: [Domain] = []
    /// Clients by the user who answers for them.
    var clients: [UInt32: Int] = [:]
    /// How many there may be, in all and of one user.
    private(set) var mostClients = SamepageDaemon.mostClients
    private(set) var mostClientsOfUser = SamepageDaemon.mostClientsOfUser
    var past: [UInt32: PastTally] = [:]
    var budgets: [UInt32: UserBudget] = [:]
    /// What all users together have stored.
    let stored: StoredTotal
    /// What merging may take of a CPU, in all domains.
    let share: CPUShare
    /// `full_scans` while there is no domain.
    private var keptFullScans: UInt64 = 0

    var device: UserfaultDevice?
    var started: UInt64?
    var isRunning = false
    var isStopping = false

    init(template parts: MergerParts, settings: DaemonSettings, description: MergerDescription, pageSize: Int) {
        template = Merger(
            configuration: parts.configuration, checksum: parts.checksum, stableTree: parts.stableTree,
            unstableTree: parts.unstableTree, policy: parts.policy, pageSize: pageSize, tracksChanges: true)
        policyAttributes = parts.policy.attributes
        self.settings = settings
        stored = StoredTotal(
            most: settings.mostStored == 0 ? UserBudget.machine / 4 : settings.mostStored, former: FormerFrames())
        share = CPUShare(percent: settings.cpuShare)
        toldSettings = settings
        self.description = description
    }

    /// Keeps half of the descriptors for frames and connections, and one user from taking those of the others.
    mutating func bound(clientsByDescriptors descriptors: UInt64, servesOthers: Bool) {
        let possible = Int(clamping: descriptors / 2) / SamepageDaemon.descriptorsOfClient
        mostClients = min(SamepageDaemon.mostClients, max(1, possible))
        let share = servesOthers ? max(1, mostClients / 4) : mostClients
        mostClientsOfUser = min(SamepageDaemon.mostClientsOfUser, share)
    }

    mutating func clientLeft(of user: UInt32) {
        guard let count = clients[user] else { return }
        clients[user] = count > 1 ? count - 1 : nil
    }

    /// How often everything that somebody sees has been scanned.
    /// Who sees some domains only gets what these have scanned themselves: the daemon's figure tells of others.
    func fullScans(of viewer: Viewer) -> UInt64 {
        let seen = domains.lazy.filter { viewer.sees($0.key.user) }
        guard viewer == .everyone else { return seen.map(\.scans.count).min() ?? 0 }
        return seen.map(\.scans.total).min() ?? keptFullScans
    }

    /// A domain is about to end.
    mutating func keepFullScans() { keptFullScans = fullScans(of: .everyone) }

    /// Counting of full scans begins anew.
    mutating func forgetFullScans() { keptFullScans = 0 }

    /// Remembers what was set.
    mutating func remember(_ change: AttributeChange) {
        changes.removeAll { $0.name == change.name }
        changes.append(change)
    }
}

extension DaemonSettings {
    /// What agents are told.
    var wire: WireSettings {
        var wire = WireSettings()
        wire.vmaBudgetPercent = vmaBudgetPercent
        if trapsWrites { wire.flags |= WireSettings.trapWrites }
        wire.flags |= WireSettings.leaveHot
        if excludesDontDump { wire.flags |= WireSettings.excludeDontDump }
        return wire
    }
}
