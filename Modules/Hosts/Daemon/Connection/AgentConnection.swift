import CLinuxMemory
package import PageMemory
package import Wire

/// The connection of one client: what its agent says, checked, and what it is asked.
///
/// Nothing that comes from the agent is believed before it was checked: sender, kind, length and every count.
/// Whatever is wrong or missing ends the connection, and with it nothing else: the client runs on with what is
/// merged.
///
/// Confined to the thread of its domain.
package final class AgentConnection {
    /// Who the client is.
    package let identity: ClientIdentity
    /// The address space that its areas belong to.
    package let space: AddressSpaceID
    /// What its agent said first.
    package let hello: WireHello
    /// The socket, to be polled; -1 when the connection is dead.
    package private(set) var descriptor: Int32
    /// Whether it is left alone, since its process owes an answer or takes no messages: it is stopped (SIGSTOP, a debugger), or
    /// gets no processor. Nothing is asked of it until it goes on.
    package internal(set) var isParked = false
    /// Since when it is, or was last looked at while it was stopped; and whether it was.
    var parkedSince: UInt64 = 0
    var wasStopped = false
    /// Its process's map entries.
    var entries: KnownEntries
    /// What it said of observations when nobody waited for it any more.
    var lateRuns: [(area: UInt32, run: WireRun)] = []
    /// Segments that it was to let go while it was stopped.
    private var dropsDue: [UInt32] = []
    /// What went wrong, in one line; `nil` while nothing did. Set, it ends the connection.
    package internal(set) var failure: String? {
        didSet { if failure != nil { close() } }
    }
    /// Whether it has ended, by a failure or because the client left.
    package private(set) var isDead = false
    /// The areas of the domain, by the agent's own numbers: those between ``DaemonMemory/add(_:on:wire:pageCount:)``
    /// and ``DaemonMemory/remove(_:)``.
    package internal(set) var areas: [UInt32: AreaID] = [:] {
        didSet { orderedAreas = nil }
    }
    /// The same in the order in which they came; `nil` until somebody needs it.
    var orderedAreas: [(area: AreaID, number: UInt32)]?
    /// How it fell silent since this was last looked at, in one line: others may be as silent then.
    var silence: String?
    /// How long an answer is waited for, in nanoseconds: everyone else of the domain waits for it. Whoever is stopped in the
    /// middle of a merge carries it out when it goes on: frames stay as they are while anyone has their segment.
    package var patience: UInt64 = 1_000_000_000
    /// How long an answer may take beyond that, in nanoseconds.
    package var longestSilence: UInt64 = 10_000_000_000
    /// An answer that was waited for so long is slow, and how much waiting for slow answers is too much, in nanoseconds:
    /// the others of the domain wait too, and whoever asks about it. A quarter of the time is forgiven.
    package var slowAnswer: UInt64 = 500_000_000
    /// See above.
    package var mostSlowness: UInt64 = 30_000_000_000

    /// What it is charged for.
    package let account: FrameAccount
    let room: MessageRoom
    var upload: UploadBuffer?
    /// The store that the client may map frames of.
    var store: SegmentStore?
    /// Its place among the connections of the memory.
    var slot: Int?
    /// Segments that the client has, a bit each.
    private var segments: [UInt64] = []
    var events: [ConnectionEvent] = []
    /// Areas in `events`.
    var eventAreas = 0
    /// The agent's numbers of areas that it has added and not removed.
    var announced: Set<UInt32> = []
    var sequence: UInt64 = 0
    var awaited: Awaited?
    /// Time waited for slow answers, and when that was counted last.
    private var slowness: UInt64 = 0
    private var slownessTime: UInt64 = 0
    /// Requests sent.
    var requests: UInt64 = 0
    /// Requests sent that change what is armed in the process.
    var disturbances: UInt64 = 0
    /// Counts the page faults of the process; `nil` until it is needed, and where it cannot be: it is tried again then.
    var faultCount: FaultCount?
    var nextFaultCount: UInt64 = 0
    /// How many of its areas were asked about in the merger's wake-up of a number, and how many in one before it: the most
    /// there were, an eighth less with each wake-up since.
    var observations: (wakeUp: UInt64, count: Int, before: Int) = (0, 0, 0)
    /// The count at the wake-up of a number.
    var lastFaults: (wakeUp: UInt64, count: UInt64?) = (0, nil)
    /// What the agent's thread has used, as it last said, and what its process had used then; `nil` before it said anything.
    var cpuHeard: UInt32 = 0
    var cpuOfProcess: UInt64?
    /// What the agent's thread has used since it was first heard, in nanoseconds.
    var cpuNanoseconds: UInt64 = 0

    /// A request that was sent and not answered yet.
    struct Awaited {
        var kind: WireKind
        var sequence: UInt64
        var sent: UInt64
        /// Of an observation, the area.
        var area: UInt32 = 0
    }

    /// Takes over a connected socket whose hello was received.
    ///
    /// - Parameters:
    ///   - descriptor: The socket; it belongs to the connection from now on.
    ///   - identity: The sender of the hello; its pidfd belongs to the connection too.
    ///   - space: The address space that its areas belong to.
    ///   - hello: What the agent said.
    ///   - room: Memory for messages; connections of one thread may share it.
    package init(
        descriptor: Int32, identity: ClientIdentity, space: AddressSpaceID, hello: WireHello,
        room: MessageRoom = MessageRoom()
    ) {
        self.descriptor = descriptor
        self.identity = identity
        account = FrameAccount(process: identity.pid)
        entries = KnownEntries(of: hello)
        self.space = space
        self.hello = hello
        self.room = room
        _ = lm_socket_option(descriptor, Int32(LM_SO_PASSCRED), 1)
    }

    deinit {
        close()
        if identity.pidfd >= 0 { _ = lm_close(identity.pidfd) }
    }

    /// Ends the connection; the client runs on with what is merged. Nothing happens when it has ended already.
    package func close() {
        isDead = true
        awaited = nil
        upload = nil
        guard descriptor >= 0 else { return }
        _ = lm_close(descriptor)
        descriptor = -1
    }

    /// Ends the connection for something that the client did or did not do.
    func fail(_ text: String) {
        guard !isDead else { return }
        failure = text
    }

    /// Ends the connection for an answer that did not come in time.
    func failSilent(_ text: String) {
        silence = text
        fail(text)
    }

    /// An answer was waited for.
    func noteWait(from start: UInt64) {
        let now = lm_monotonic_nanoseconds()
        let time = now &- start
        guard time >= slowAnswer, !isDead else { return }
        slowness -= min(slowness, (now &- slownessTime) / 4)
        slowness += time
        slownessTime = now
        guard slowness > mostSlowness else { return }
        fail("answers too slowly: waited for \(slowness / 1_000_000) ms of late")
    }

    /// What the agent has said unasked since this was last asked, in its order.
    package func takeEvents() -> [ConnectionEvent] {
        defer {
            events = []
            eventAreas = 0
        }
        return events
    }

    /// Tells what was left unsaid while the process was stopped.
    func sendDrops() {
        let due = dropsDue
        dropsDue.removeAll()
        for number in due { drop(segment: number) }
    }

    func has(segment number: UInt32) -> Bool {
        let word = Int(number >> 6)
        return word < segments.count && segments[word] >> UInt64(number & 63) & 1 != 0
    }

    /// Passes a segment on, unless the client has it; `false` when that cannot be.
    func send(segment number: UInt32) -> Bool {
        if has(segment: number) { return true }
        guard !isDead, let shared = store?.descriptor(ofSegment: number) else { return false }
        begin(.segment)
        append(WireSegment(number: number))
        guard transmit([shared]) else { return false }
        while segments.count <= Int(number >> 6) { segments.append(0) }
        segments[Int(number >> 6)] |= 1 << UInt64(number & 63)
        return true
    }

    /// Tells the client to let a segment go, if it has it.
    func drop(segment number: UInt32) {
        guard !isDead, has(segment: number) else { return }
        guard !isParked else { return dropsDue.append(number) }
        segments[Int(number >> 6)] &= ~(1 << UInt64(number & 63))
        begin(.dropSegment)
        append(WireSegment(number: number))
        _ = transmit()
    }
}
