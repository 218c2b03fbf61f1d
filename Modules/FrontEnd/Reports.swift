/// What a merger is made of, by the names of the configuration, and how long it has run.
public struct MergerDescription: Sendable, Hashable {
    /// The checksum of pages.
    public var checksum = ""
    /// The index of merged contents.
    public var stableTree = ""
    /// The index of pages without a twin.
    public var unstableTree = ""
    /// The scan policy.
    public var policy = ""
    /// The memory.
    public var memory = ""
    /// The front ends.
    public var frontEnds: [String] = []
    /// Whose behaviour the merger has: `linux` or `2009`.
    public var dialect = "linux"
    /// Whole seconds since it was started.
    public var uptimeSeconds = 0
    /// The merge domains that can be seen.
    public var domains = 0
    /// Bytes of memory that hold merged contents, by the kernel's account.
    public var storedBytes = 0
    /// Stores of programs that met a merge in flight and waited for it, since the start.
    public var writesWaited: UInt64 = 0
    /// CPU time used for merging, agents included, in nanoseconds.
    public var cpuNanoseconds: UInt64 = 0
    /// What becomes of merged pages that are written: `leave` or `trap`; `nil` where the memory makes no difference.
    public var rewrittenPages: String?
    /// What keeps the merger from merging, in one line; `nil` if nothing does.
    public var limitation: String?

    /// Takes empty values.
    public init() {}
}

/// One program whose memory is merged.
public struct ClientReport: Sendable, Hashable {
    /// The process.
    public var pid: Int32
    /// Its user.
    public var user: UInt32
    /// The name of its program, as the kernel has it (at most 15 bytes).
    public var command: String
    /// The merge domain that it is in, and why; empty where there are none.
    public var domain = ""
    /// Memory that is scanned, in bytes.
    public var mergeableBytes = 0
    /// Pages that map a merged content (in the kernel: `ksm_merging_pages`).
    public var pagesSharing = 0
    /// Pages of zeros that were given back (`ksm_zero_pages`).
    public var zeroPages = 0
    /// Pages that the merger keeps an item for (`ksm_rmap_items`).
    public var rmapItems = 0
    /// Memory gained, in bytes: ``pagesSharing`` and ``zeroPages``, less what the merger keeps for its pages (in the kernel:
    /// `ksm_process_profit`). May be negative.
    public var profitBytes = 0
    /// Pages that still lie over frames of an earlier daemon, or of before a fork.
    public var orphanedPages = 0
    /// Memory that is marked as mergeable and not merged, in bytes, by reason.
    public var notMerged: [String: Int] = [:]

    /// Describes a program of which nothing else is known yet.
    public init(pid: Int32, user: UInt32, command: String) {
        self.pid = pid
        self.user = user
        self.command = command
    }
}
