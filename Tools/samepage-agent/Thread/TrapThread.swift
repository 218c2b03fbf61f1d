internal import CLinuxMemory

/// Catches writes to merged pages before they happen, on a thread of its own: the page, and those of its block that are
/// merged too, become ordinary anonymous memory, whose pins the kernel can test at their next merge.
///
/// Writers wait for a copy of a block and one mremap. The thread is started and ended by the agent's thread, and has the
/// same table of descriptors and the same signals blocked; libc does not know it. It never writes to memory of the
/// program, and waits for the lock for milliseconds only: where it does not get it, the page is let go, and the kernel
/// copies it in place.
@safe
struct TrapState {
    /// The context that merged pages belong to; -1 while writes are not trapped. Changes under the lock.
    private(set) var context: Int32 = -1
    /// A signalfd by which the thread is told to end.
    fileprivate var bell: Int32 = -1
    /// An open /dev/userfaultfd that the daemon handed over; -1 without one.
    private var device: Int32 = -1
    /// When to try again to begin.
    private var nextTry: UInt64 = 0
    /// Whether another thread has mapped something where copies of a block were made. Changes under the lock.
    var hasLostAside = false
    /// What the thread has to tell.
    var news = TrapNews()

    /// Whether writes are trapped.
    var isOn: Bool { context >= 0 }

    /// Threads of the process that are this.
    var threadCount: Int { unsafe lm_atomic_load(&trapThread.number) != 0 ? 1 : 0 }

    /// Keeps a device, which now is the trap's to close.
    mutating func keep(device new: Int32) {
        guard new >= 0 else { return }
        if device >= 0 { _ = lm_close(device) }
        device = new
        nextTry = 0
    }

    /// Begins or ends trapping as the settings say. On the agent's thread, without the lock.
    ///
    /// Nothing is trapped while there is a debugger, or whoever has the memory open in /proc: what they write cannot wait,
    /// and would fail.
    mutating func follow(_ settings: WireSettings) {
        guard settings.flags & WireSettings.trapWrites != 0 || isOn, let remapper = unsafe work.remapper else { return }
        let wants = unsafe settings.flags & WireSettings.trapWrites != 0 && !remapper.pointee.lookForOnlookers()
        guard wants != isOn else { return }
        if !wants { return stop() }
        // Where the kernel does not permit it, what is written is left alone.
        guard now() >= nextTry else { return }
        if !start() { nextTry = now() + seconds(5) }
    }

    /// Opens the context and starts the thread.
    private mutating func start() -> Bool {
        guard !hasLostAside else { return false }
        let opened = device < 0 ? lm_uffd_open() : lm_uffd(descriptor: lm_uffd_open_at(device), full: 1)
        guard opened.descriptor >= 0 else { return false }
        let wanted = LM_UFFD_FEATURE_PAGEFAULT_FLAG_WP | LM_UFFD_FEATURE_WP_SHMEM
        bell = lm_signalfd(1 << UInt64(LM_SIGSTKFLT - 1))
        if opened.full != 0, bell >= 0, lm_uffd_api(opened.descriptor, wanted).error == 0,
            keepsWindows(from: opened.descriptor)
        {
            unsafe trapThread = TrapThread()
            news = TrapNews()
            news.entriesLeft = work.budget.entriesLeft
            withAgentLock { setContext(opened.descriptor) }
            if startThread() { return true }
            unsafe trapThread = TrapThread()
            withAgentLock { setContext(-1) }
        }
        closeBell()
        _ = lm_close(opened.descriptor)
        return false
    }

    /// Whether the thread can let a page go without the lock, and leaves an open window as it is.
    private func keepsWindows(from context: Int32) -> Bool {
        guard let remapper = unsafe work.remapper, agentMemory.canMerge else { return false }
        return withAgentLock {
            unsafe remapper.pointee.tracker.keepsPages(from: context, at: agentMemory.address(of: .aside))
        }
    }

    private func startThread() -> Bool {
        let size = 128 << 10
        guard let stack = agentMemory.reachFromEnd(.trapStack, size) else { return false }
        // SAFETY: the body is a function of this library, which is never unloaded; no other thread has that stack.
        return unsafe lm_start_own_thread(trapThreadBody, stack + UInt(size), &trapThread.number) > 0
    }

    /// Ends trapping, and the thread, on the agent's thread. Whoever waits goes on; pages that are written now are copied where
    /// they are.
    mutating func stop() {
        guard isOn else { return }
        withAgentLock { setContext(-1) }
        unsafe lm_atomic_store(&trapThread.mustEnd, 1)
        let process = unsafe Int32(bitPattern: agentThread.process)
        // Its stack is the next one's.
        while case let thread = unsafe lm_atomic_load(&trapThread.number), thread != 0 {
            // One of the old signals: it needs no room in the queue.
            _ = lm_signal_thread(process, Int32(bitPattern: thread), Int32(LM_SIGSTKFLT))
            _ = unsafe lm_futex_wait(&trapThread.number, thread, 200_000)
        }
        closeBell()
        if agentMemory.canMerge, !hasLostAside {
            agentMemory.clear(agentMemory.address(of: .aside), MemoryPart.aside.capacity)
        }
    }

    /// As ``stop()``, for good: the agent's thread ends.
    mutating func close() {
        stop()
        if device >= 0 { _ = lm_close(device) }
        device = -1
        nextTry = 0
    }

    private mutating func closeBell() {
        if bell >= 0 { _ = lm_close(bell) }
        bell = -1
    }

    /// All pages over frames change hands. The lock is held.
    private mutating func setContext(_ new: Int32) {
        context = new
        if let remapper = unsafe work.remapper { unsafe remapper.pointee.trap = new }
        for position in 0..<ranges.count { unsafe ranges[position].raise(AgentRange.lacksTracking) }
    }
}

/// What is trapped in the process.
@safe
nonisolated(unsafe) var trap = TrapState()

/// What two threads say to one another.
private struct TrapThread {
    /// Its number, from before it runs; the kernel makes it 0 when it has ended.
    var number: UInt32 = 0
    /// 1 when it has to end.
    var mustEnd: UInt32 = 0
}

nonisolated(unsafe) private var trapThread = TrapThread()

/// In a forked child the thread does not exist.
func forgetTraps() {
    let hasLostAside = trap.hasLostAside
    trap = TrapState()
    trap.hasLostAside = hasLostAside
    unsafe trapThread = TrapThread()
}

/// Serves the context until the thread has to end, and closes it, which wakes whoever waits still.
private let trapThreadBody: @convention(c) () -> Void = {
    unsafe lm_name_thread(text("samepage-trap"))
    let served = trap.context
    serveTraps(served, trap.bell)
    if served >= 0 { _ = lm_close(served) }
}

private func serveTraps(_ served: Int32, _ bell: Int32) {
    var bell = lm_poll_entry(descriptor: bell, events: Int16(LM_POLL_IN), found: 0)
    while unsafe lm_atomic_load(&trapThread.mustEnd) == 0 {
        let messages = lm_poll_entry(descriptor: served, events: Int16(LM_POLL_IN), found: 0)
        var entries = (messages, bell)
        // SAFETY: two entries; one with a negative descriptor is passed over.
        unsafe withUnsafeMutableBytes(of: &entries) { bytes in
            let first = unsafe bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: lm_poll_entry.self)
            _ = unsafe lm_poll(first, 2, bell.descriptor < 0 ? 20_000_000 : -1)
        }
        // The signal may be the program's, sent to the process, which takes it when it likes.
        if entries.1.found != 0 { bell.descriptor = -1 }
        serveMessages(served)
    }
}

private func serveMessages(_ served: Int32) {
    var messages = InlineArray<16, lm_uffd_message>(repeating: lm_uffd_message())
    // SAFETY: room for so many.
    let found = unsafe withUnsafeMutableBytes(of: &messages) { room in
        unsafe lm_uffd_messages(
            served, room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: lm_uffd_message.self), 16)
    }
    guard found > 0 else { return }
    for place in 0..<found where messages[place].event == UInt8(LM_UFFD_EVENT_PAGEFAULT) {
        serveTrap(served, UInt(messages[place].address) & ~4095)
    }
}
