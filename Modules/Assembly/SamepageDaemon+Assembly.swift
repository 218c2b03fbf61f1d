public import Daemon
public import FrontEnd
import InProcess
public import Logging
import Merger

extension SamepageDaemon {
    /// Prepares a daemon of a configuration; nothing is listened to yet. Each merge domain gets strategies of its own.
    ///
    /// - Parameters:
    ///   - socketPath: Where clients find it.
    ///   - logger: Takes what administrators should know.
    /// - Throws: ``ConfigurationError`` or `DaemonError`.
    public convenience init(
        _ configuration: SamepageConfiguration, registry: StrategyRegistry = .standard, socketPath: String,
        logger: Logger
    ) throws {
        try self.init(
            settings: configuration.daemonSettings(socketPath: socketPath), description: configuration.description(),
            logger: logger, makeParts: { try configuration.makeParts(from: registry) })
    }
}

extension SamepageDaemon: MergerService {
    /// Takes the attributes and settings that changed.
    public func update(
        from old: SamepageConfiguration, to new: SamepageConfiguration, of registry: StrategyRegistry,
        socketPath: String
    ) throws {
        // What would keep a new start from working is refused before anything changes.
        _ = try new.makeParts(from: registry)
        let changed = registry.configurationKeys.filter { old.value(of: $0) != new.value(of: $0) }
        var attributes: [String: String] = [:]
        for key in changed where [nil, old.policy, "scan-time"].contains(key.plugin) {
            if let attribute = key.attribute { attributes[attribute] = new.attributeValue(of: key) }
        }
        update(new.daemonSettings(socketPath: socketPath), attributes: attributes)
    }
}

extension SamepageConfiguration {
    /// What the settings of a daemon are.
    func daemonSettings(socketPath: String) -> DaemonSettings {
        var settings = DaemonSettings()
        settings.socketPath = socketPath
        settings.clientGroup = clientGroup
        settings.vmaBudgetPercent = vmaBudgetPercent
        settings.trapsWrites = rewrittenPages == .trap
        settings.cpuShare = cpuShare
        settings.excludesDontDump = excludesDontDump
        settings.salt = salt
        settings.domains = domains.compactMap(DomainRule.init)
        settings.servesNamespaces = userNamespaces
        settings.unmergedPrograms = unmergedPrograms
        settings.mostStored = Int(maxStored) << 20
        settings.nice = nice
        settings.schedIdle = schedIdle
        settings.lingerSeconds = lingerSeconds
        return settings
    }

    /// What front ends say that the merger is made of.
    public func description() -> MergerDescription {
        var description = MergerDescription()
        description.checksum = checksum
        description.stableTree = stableTree
        description.unstableTree = unstableTree
        description.policy = policy
        description.memory = memory
        description.frontEnds = frontEnds
        description.dialect = dialect.rawValue
        return description
    }
}
