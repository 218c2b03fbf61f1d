import Remap

/// The settings of a daemon that do not belong to its merger.
public struct DaemonSettings: Sendable, Hashable {
    /// Where it listens: a path of at most 107 bytes.
    public var socketPath = "/run/samepage.sock"
    /// The group whose members may be clients; empty for the user of the daemon alone. A daemon that is not root's must
    /// be a member itself, needs CAP_SYS_PTRACE to serve other users, and never serves root.
    public var clientGroup = ""
    /// The share of vm.max_map_count that a client may use before merging stops making map entries, in percent, 1 to 90
    /// (attribute `vma_budget_percent`).
    public var vmaBudgetPercent = MapBudget.usualPercent
    /// Whether writes to merged pages are caught, so that the pages become ordinary memory and can merge again.
    public var trapsWrites = false
    /// Whether memory that programs leave out of core dumps (MADV_DONTDUMP) is not merged.
    public var excludesDontDump = false
    /// The salt of clients that have none of their own; clients whose salts differ never share. Empty for none.
    public var salt = ""
    /// Whether processes in user namespaces below the daemon's are served, at the expense of who made those.
    public var servesNamespaces = false
    /// Bytes of memory for merged contents, in all; 0 for a quarter of the machine's. Half of it for each
    /// user but the daemon's own.
    public var mostStored = 0
    /// Root's rules: which programs share although they are confined.
    public var domains: [DomainRule] = []
    /// Patterns of the names of programs that are not merged (``UnmergedPrograms``).
    public var unmergedPrograms: [String] = []
    /// The share of one CPU that merging may take, agents included, in percent, 1 to 100; 100 for any number of CPUs
    /// (attribute `cpu_share`).
    public var cpuShare: UInt32 = 100
    /// The nice value of the merging threads, -20 to 19.
    public var nice: Int32 = 5
    /// Whether the merging threads run only when nothing else wants to (SCHED_IDLE).
    public var schedIdle = false
    /// Seconds for which a merge domain without clients is kept, not below 0.
    public var lingerSeconds = 30

    /// Takes the defaults.
    public init() {}
}

/// Why a daemon cannot do something. Everything is as it was then, unless the message says otherwise.
public struct DaemonError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line: what is wrong, and what to do.
    public let description: String

    init(_ description: String) { self.description = description }
}
