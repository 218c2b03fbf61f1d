import CLinuxMemory
import Merger
import PageChecksum
import PageMemory
import PageTree
import Wire

/// The merger of a domain, its memory and its clients; lives on the domain's thread.
final class DomainEngine {
    /// What a domain does next.
    enum Turn {
        /// More turns.
        case working
        /// No client has been there for long: it may end.
        case idle
    }

    let key: DomainKey
    let gate: LogGate
    let membership: Membership
    let budget: UserBudget
    let share: CPUShare
    /// What the budget knows of this domain, in bytes.
    var kept = 0
    var memory: WatchedMemory
    var merger: Merger
    var settings: WireSettings
    var lingerNanoseconds: UInt64

    var clients: [Client] = []
    /// Areas that the merger was told to let go and that the memory still knows.
    var leaving: [AreaID] = []
    var nextArea: UInt32 = 0
    var nextSpace: UInt32 = 0
    /// Who waits for `run` 2, and gets the number of pages that stay merged.
    var unmergeWaiters: [Reply<SetAnswer>] = []
    /// Room for received messages, shared by all connections.
    let room = MessageRoom()
    /// Full scans as the daemon counts them.
    let scans: ScanMark
    /// Called whenever a client has left.
    let clientLeft: () -> Void
    /// CPU time of the agents of clients that have left, as last heard.
    var cpuOfAgentsBefore: UInt64 = 0

    /// Until when the merger sleeps, by the monotonic clock; `nil` for ever.
    private var sleepEnd: UInt64? = 0
    private var lastPoll: UInt64 = 0
    private var lastMaintenance: UInt64 = 0
    /// Since when there has been no client.
    var emptySince: UInt64?
    /// Until when nobody looks again whether frames are held, and how long that is the next time.
    private var heldUntil: UInt64 = 0
    private var heldInterval: UInt64 = 250_000_000
    /// When counters may be brought up to date again although nothing is scanned.
    var refreshDue: UInt64 = 0
    private var polls: [lm_poll_entry] = []
    private var steps: UInt32 = 0
    /// CPU time of this thread and of agents, and requests to agents, when the merger last went to sleep.
    private var before = Usage()
    /// Whether the merger scans, and has not gone to sleep again.
    private var isInWakeUp = false

    private struct Usage {
        var cpu: UInt64 = 0
        var requests: UInt64 = 0
    }

    /// Clients are looked after at least this often while the merger works.
    private static let pollInterval: UInt64 = 2_000_000
    /// A new area cuts a sleep down to this.
    private static let longestSleepWithNews: UInt64 = 100_000_000
    private static let maintenanceInterval: UInt64 = 1_000_000_000
    private static let longestHeldInterval: UInt64 = 32_000_000_000

    init(
        key: DomainKey, parts: MergerParts, pageSize: Int, settings: WireSettings, lingerSeconds: Int, scans: ScanMark,
        budget: UserBudget, share: CPUShare, membership: Membership, gate: LogGate, clientLeft: @escaping () -> Void
    ) {
        let trustsDigests = parts.checksum.bits >= 128 && parts.stableTree.isKeyed && parts.unstableTree.isKeyed
        memory = WatchedMemory(
            DaemonMemory(
                checksum: parts.checksum, trustsDigests: trustsDigests, pageSize: pageSize, budget: budget))
        self.key = key
        self.budget = budget
        self.share = share
        merger = Merger(
            configuration: parts.configuration, checksum: parts.checksum, stableTree: parts.stableTree,
            unstableTree: parts.unstableTree, policy: parts.policy, pageSize: pageSize,
            tracksChanges: memory.tracksChanges)
        self.settings = settings
        lingerNanoseconds = Self.nanoseconds(lingerSeconds)
        self.scans = scans
        self.gate = gate
        self.membership = membership
        self.clientLeft = clientLeft
        emptySince = lm_monotonic_nanoseconds()
    }

    static func nanoseconds(_ seconds: Int) -> UInt64 { UInt64(min(max(0, seconds), 1 << 30)) * 1_000_000_000 }

    /// Whether the merger did anything that a new one would have to do again.
    private var hasMerged: Bool { merger.counters.pagesMerged > 0 }

    /// One turn: hears clients, then lets the merger do one step, or sleeps.
    func turn(wakeUp: WakeDescriptor) -> Turn {
        let now = lm_monotonic_nanoseconds()
        let mustWork = isAwake(at: now) || merger.hasUnfinishedBusiness
        if !mustWork || now &- lastPoll >= Self.pollInterval {
            if listen(until: mustWork ? now : nextWakeUp(after: now), from: now, wakeUp) { return .working }
        }
        if clients.isEmpty, !mustWork, let end = lingerEnd, lm_monotonic_nanoseconds() >= end {
            if !isHeld { return .idle }
            heldUntil = lm_monotonic_nanoseconds() + heldInterval
            heldInterval = min(2 * heldInterval, Self.longestHeldInterval)
        }
        if mustWork { work(isAwake: isAwake(at: now)) }
        return .working
    }

    private func isAwake(at now: UInt64) -> Bool { sleepEnd.map { now >= $0 && share.wait(now: now) == 0 } ?? false }

    /// The merger has something to do.
    func wake() { sleepEnd = 0 }

    /// The merger has something to do soon.
    func wakeSoon() {
        guard let end = sleepEnd else { return wake() }
        sleepEnd = min(end, lm_monotonic_nanoseconds() + Self.longestSleepWithNews)
    }

    private var lingerEnd: UInt64? {
        guard clients.isEmpty, let emptySince else { return nil }
        return max(heldUntil, hasMerged ? emptySince + lingerNanoseconds : emptySince)
    }

    /// Whether processes that are no clients any more, or never were, still hold frames: until they end the frames take
    /// memory, and count.
    private var isHeld: Bool {
        memory.base.reap()
        return memory.base.store.retiredCount > 0
    }

    /// When there is something to do without anybody's word.
    private func nextWakeUp(after now: UInt64) -> UInt64? {
        var times: [UInt64] = []
        if let sleepEnd { times.append(max(sleepEnd, now + share.wait(now: now))) }
        if let lingerEnd { times.append(lingerEnd) }
        if let look = nextLookAtParked(after: now) { times.append(look) }
        if memory.base.needsMaintenance, !clients.isEmpty { times.append(lastMaintenance + 5_000_000_000) }
        return times.min()
    }

    /// Hears clients until a time (`nil`: for ever). True when somebody said something, so that jobs are looked at
    /// first.
    private func listen(until end: UInt64?, from now: UInt64, _ wakeUp: WakeDescriptor) -> Bool {
        defer { lastPoll = lm_monotonic_nanoseconds() }
        maintain(now)
        unpark()
        // What came in while requests were answered is not in the sockets any more.
        if takeNews() { return true }
        polls.removeAll(keepingCapacity: true)
        polls.append(lm_poll_entry(descriptor: wakeUp.descriptor, events: Int16(LM_POLL_IN), found: 0))
        for client in clients {
            let connection = client.connection
            polls.append(lm_poll_entry(descriptor: connection.descriptor, events: Int16(LM_POLL_IN), found: 0))
            polls.append(lm_poll_entry(descriptor: client.identity.pidfd, events: Int16(LM_POLL_IN), found: 0))
        }
        let time = end.map { Int64(clamping: $0 - min($0, now)) } ?? -1
        // SAFETY: as many entries as the array has.
        let found = unsafe polls.withUnsafeMutableBufferPointer {
            unsafe lm_poll($0.baseAddress, $0.count, time)
        }
        guard found > 0 else { return false }
        if polls[0].found != 0 { wakeUp.clear() }
        for (place, client) in clients.enumerated() {
            if polls[2 * place + 1].found != 0 { client.connection.receivePending() }
            if polls[2 * place + 2].found != 0 { client.hasEnded = true }
        }
        return takeNews() || polls[0].found != 0
    }

    private func maintain(_ now: UInt64) {
        guard now &- lastMaintenance >= Self.maintenanceInterval, memory.base.needsMaintenance else { return }
        lastMaintenance = now
        memory.base.maintain(nanoseconds: now)
    }

    /// One step of the merger.
    ///
    /// - Parameter isAwake: Whether it scans; else it only finishes what is left over, and sleeps on.
    private func work(isAwake: Bool) {
        if isAwake, !isInWakeUp {
            isInWakeUp = true
            memory.base.beginWakeUp(at: lm_monotonic_nanoseconds())
        }
        let time = DriverTime(nanoseconds: lm_monotonic_nanoseconds(), cpuNanoseconds: lm_thread_cpu_nanoseconds())
        switch merger.advance(on: &memory, time: time) {
        case nil: if isAwake { sleepEnd = 0 }
        case .wait:
            sleepEnd = nil
            isInWakeUp = false
        case .sleep(let milliseconds):
            isInWakeUp = false
            sleepEnd = endOfSleep(UInt64(milliseconds) * 1_000_000)
        }
        steps &+= 1
        if sleepEnd != 0, isAwake {
            publishScans()
            hearAgents(after: Self.usualAge, quietToo: false)
        }
        if steps % 1024 == 0 || sleepEnd != 0 { checkSize() }
        letGo()
        answerUnmergeWaiters()
    }

    /// When the merger wakes up again. Where programs were quiet, and nothing was asked of them, it sleeps up to four times as
    /// long as it wants, and up to ten seconds more, so as to take next to nothing.
    private func endOfSleep(_ nanoseconds: UInt64) -> UInt64 {
        let usage = Usage(
            cpu: lm_thread_cpu_nanoseconds() &+ memory.base.cpuOfAgents, requests: memory.base.requestsOfClients)
        let used = usage.cpu &- min(usage.cpu, before.cpu)
        let wasQuiet = usage.requests == before.requests
        before = usage
        let now = lm_monotonic_nanoseconds()
        share.use(used, now: now)
        guard wasQuiet else { return now + nanoseconds }
        let wanted = max(nanoseconds, min(4 * nanoseconds, used.multipliedReportingOverflow(by: 2000).partialValue))
        return now + min(wanted, nanoseconds + 10_000_000_000)
    }

    /// Lets others know how often everything was scanned.
    func publishScans() { scans.count = merger.counters.fullScans }

    /// Areas that the merger has let go leave the memory too, and areas in their place come in.
    func letGo() {
        guard !leaving.isEmpty else { return }
        leaving.removeAll { area in
            guard !merger.contains(area) else { return false }
            memory.base.remove(area)
            _ = memory.takeReasons(of: area)
            return true
        }
        for client in clients where !client.waiting.isEmpty { addWaiting(of: client) }
    }

    /// The last thing before the thread ends: clients go on with what is merged.
    func finish() {
        for waiter in unmergeWaiters { waiter.answer(nil) }
        unmergeWaiters.removeAll()
        for client in clients {
            client.connection.close()
            clientLeft()
        }
        clients.removeAll()
        budget.keep(-kept)
        kept = 0
    }
}
