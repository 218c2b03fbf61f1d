import CLinuxMemory
public import FrontEnd
import Glibc
public import Logging
public import Merger
import Synchronization
import SystemThreads

/// The daemon: merges memory of programs that connect to it, each merge domain on a thread of its own.
///
/// A domain is no wider than programs that may read one another's memory anyway: the same user and group, the same
/// capabilities and namespaces, and the same salt. Domains share nothing.
///
/// As a ``FrontEnd/MergerControl`` it shows all domains together: counters are sums, `full_scans` is the smallest of
/// all domains'. Attributes are set in all domains, and in those that come later.
public final class SamepageDaemon: MergerControl, Sendable {
    /// Bytes in a page.
    public let pageSize: Int

    let logger: Logger
    let gate: LogGate
    let state: Mutex<ServiceState>
    let makeParts: @Sendable () throws -> MergerParts
    let ownUser: UInt32
    let membership: Membership
    /// Who may connect to the daemon's sockets.
    public let access: SocketAccess

    /// Programs that are served at a time, in all and of one user, where there are descriptors enough.
    static let mostClients = 4096
    static let mostClientsOfUser = 1024
    /// Descriptors of one program: the socket, a pidfd, the upload buffer and its page faults.
    static let descriptorsOfClient = 4
    /// Merge domains of one user: each salt and each confined program makes one, and each has a thread.
    static let mostDomainsOfUser = 256

    /// Prepares a daemon; it does nothing before ``run()``.
    ///
    /// - Parameters:
    ///   - settings: Its settings.
    ///   - description: What its mergers are made of; the daemon fills in what it knows itself.
    ///   - logger: Gets one line for everything that an administrator should know.
    ///   - makeParts: Makes the strategies of a domain; called once now and once for each domain.
    /// - Throws: ``DaemonError`` for a setting that cannot be; what `makeParts` throws.
    public init(
        settings: DaemonSettings, description: MergerDescription, logger: Logger,
        makeParts: @escaping @Sendable () throws -> MergerParts
    ) throws {
        pageSize = lm_page_size()
        self.logger = logger
        gate = LogGate(logger)
        self.makeParts = makeParts
        ownUser = geteuid()
        try Self.check(settings, ownUser: ownUser)
        membership = Membership(rules: settings.domains)
        access = try Self.access(for: settings)
        state = Mutex(
            ServiceState(template: try makeParts(), settings: settings, description: description, pageSize: pageSize))
    }

    private static func check(_ settings: DaemonSettings, ownUser: UInt32) throws(DaemonError) {
        guard ownUser == 0 || settings.domains.isEmpty else {
            throw DaemonError("domains is for root's daemon: only root lets confined programs share")
        }
        guard 1...90 ~= settings.vmaBudgetPercent else {
            throw DaemonError("vmaBudgetPercent is \(settings.vmaBudgetPercent): it takes 1 to 90")
        }
        guard 1...100 ~= settings.cpuShare else {
            throw DaemonError("cpuShare is \(settings.cpuShare): it takes 1 to 100")
        }
        guard -20...19 ~= settings.nice else { throw DaemonError("nice is \(settings.nice): it takes -20 to 19") }
        guard settings.lingerSeconds >= 0 else { throw DaemonError("lingerSeconds is below 0") }
    }

    private static func access(for settings: DaemonSettings) throws(DaemonError) -> SocketAccess {
        guard !settings.clientGroup.isEmpty else { return SocketAccess() }
        guard let group = GroupList.number(of: settings.clientGroup) else {
            throw DaemonError(
                "there is no group '\(settings.clientGroup)' (clientGroup): "
                    + "make it with 'groupadd \(settings.clientGroup)' or name another")
        }
        return SocketAccess(mode: 0o660, group: group)
    }

    /// Serves programs until the task is cancelled, and returns when everything is closed. The programs go on with what
    /// is merged.
    ///
    /// - Throws: ``DaemonError`` when it cannot begin.
    public func run() async throws {
        let listener = try begin()
        // Yields nothing; the loop ends when the task is cancelled.
        let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
        for await _ in stream {}
        _ = continuation
        await withCheckedContinuation { done in
            let end: @Sendable () -> Void = { [self] in
                stop(listener)
                done.resume()
            }
            // Waiting for threads is not for the threads that tasks share.
            if BackgroundThread.start("samepage-stop", end) != 0 { end() }
        }
    }

    private func begin() throws(DaemonError) -> Listener {
        let settings = try state.withLock { state throws(DaemonError) in
            guard !state.isRunning else { throw DaemonError("the daemon runs already") }
            state.isRunning = true
            return state.settings
        }
        var isBegun = false
        defer { if !isBegun { state.withLock { $0.isRunning = false } } }
        let descriptors = Self.raiseDescriptorLimit()
        let socket = try SocketFile(path: settings.socketPath, access: access)
        let device = UserfaultDevice(user: ownUser)
        let reception = Reception(
            pageSize: pageSize, ownUser: ownUser, clientGroup: access.group, salt: saltNumber(settings.salt),
            servesNamespaces: settings.servesNamespaces,
            unmergedPrograms: settings.unmergedPrograms.joined(separator: ":"),
            membership: membership)
        state.withLock { state in
            state.isStopping = false
            state.started = lm_monotonic_nanoseconds()
            state.bound(clientsByDescriptors: descriptors, servesOthers: access.group != nil)
            state.device = device
        }
        do throws(DaemonError) {
            let listener = try Listener(socket: socket, reception: reception, gate: gate) {
                [self] guest throws(Refusal) in try welcome(guest)
            }
            isBegun = true
            report(settings, device)
            return listener
        } catch {
            socket.remove()
            device.close()
            throw error
        }
    }

    private func report(_ settings: DaemonSettings, _ device: UserfaultDevice) {
        let group = access.group == nil ? "" : " and group \(settings.clientGroup)"
        logger.info("serving user \(ownUser)\(group) at \(settings.socketPath)")
        if let limitation = device.limitation { logger.warning("nothing can be merged: \(limitation)") }
        if ownUser != 0, access.group != nil, !ProcessFacts.mayLookAtOthers {
            logger.warning(
                "only programs of user \(ownUser) are served: to look at those of others the daemon needs CAP_SYS_PTRACE"
            )
        }
        if device.descriptor == nil, device.limitation == nil, ownUser == 0 || access.group != nil {
            logger.notice("/dev/userfaultfd cannot be opened here: only programs that may use userfaultfd merge")
        }
    }

    private func stop(_ listener: Listener) {
        state.withLock { $0.isStopping = true }
        listener.stop()
        let domains = state.withLock { $0.domains }
        for domain in domains { domain.stop() }
        for domain in domains { domain.awaitEnd() }
        listener.socket.remove()
        state.withLock { state in
            state.domains.removeAll()
            state.clients.removeAll()
            state.device?.close()
            state.device = nil
            state.isRunning = false
        }
        logger.info("stopped; programs keep what is merged")
    }

    /// Every client takes a few descriptors. Returns how many there may be.
    private static func raiseDescriptorLimit() -> UInt64 {
        var limit = rlimit()
        // SAFETY: a local structure.
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return UInt64(limit.rlim_max)
    }
}

/// Groups of the system.
private enum GroupList {
    /// The number of a group; `nil` if there is none of that name.
    static func number(of name: String) -> UInt32? {
        var entry = unsafe group()
        var found: UnsafeMutablePointer<group>?
        var text = [CChar](repeating: 0, count: 1 << 16)
        // SAFETY: a string terminated by zero, local structures, and as many bytes as the array has.
        let result = unsafe name.withCString { name in
            unsafe text.withUnsafeMutableBufferPointer { text in
                unsafe getgrnam_r(name, &entry, text.baseAddress!, text.count, &found)
            }
        }
        return unsafe result == 0 && found != nil ? entry.gr_gid : nil
    }
}
