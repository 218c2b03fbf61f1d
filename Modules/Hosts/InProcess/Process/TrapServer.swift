import CLinuxMemory
import Remap
import SystemThreads

/// Catches writes to merged pages before they happen, on a thread of its own: the page, and those of its block that are
/// merged too, become ordinary anonymous memory, whose pins the kernel can test at their next merge.
///
/// Writers wait for a copy of a block and one mremap, or for the window that is open. The merging thread makes the server, shares
/// its descriptors with it, and holds its lock around whatever changes mappings. Where the lock is not to be had in
/// milliseconds the page is let go, and the kernel copies it in place. The thread allocates nothing while a writer waits.
@safe
final class TrapServer: @unchecked Sendable {
    /// Memory whose frames it serves.
    struct Served {
        let start: UInt
        let end: UInt
        let advice: RemapAdvice
    }

    /// The context that merged pages belong to.
    let context: Int32
    private let tracker: Int32
    private let pagemap: Int32
    private let maps: Int32
    private let pageSize: Int
    private let bell = lm_eventfd()
    private let lock = TrapLock()
    private let ended = Semaphore()
    /// Pages that were let go without the lock: the thread's own.
    private var letGo = TrapNewsList(capacity: 64)
    // The rest under the lock.
    private var served: [Served] = []
    /// Where copies of a block are made; 0 if another thread has mapped something there.
    private var aside: UInt
    private var news = TrapNewsList(capacity: 16384)
    private var entriesLeft = 0
    private var isStopping = false

    /// Starts it; `nil` where the kernel does not permit it.
    ///
    /// - Parameter remapper: Lives on until the server has stopped.
    init?(_ remapper: borrowing Remapper, pageSize: Int) {
        let opened = lm_uffd_open()
        let flags = Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_NORESERVE)
        let aside = lm_mmap(0, TrappedBlock.capacity * pageSize, Int32(LM_PROT_NONE), flags, -1, 0)
        context = opened.descriptor
        tracker = remapper.tracker.context
        pagemap = remapper.tracker.pagemap
        // SAFETY: a literal, terminated by zero.
        maps = unsafe lm_open("/proc/self/maps", Int32(LM_O_RDONLY))
        self.pageSize = pageSize
        self.aside = UInt(bitPattern: aside)
        let wanted = LM_UFFD_FEATURE_PAGEFAULT_FLAG_WP | LM_UFFD_FEATURE_WP_SHMEM
        guard context >= 0, opened.full != 0, bell >= 0, maps >= 0, lm_is_error(aside) == 0,
            lm_uffd_api(context, wanted).error == 0, remapper.tracker.keepsPages(from: context, at: self.aside),
            BackgroundThread.start("samepage-trap", { self.run() }) == 0
        else {
            close()
            return nil
        }
    }

    private func close() {
        for descriptor in [context, bell, maps] where descriptor >= 0 { _ = lm_close(descriptor) }
        guard aside != 0, lm_is_error(Int(bitPattern: aside)) == 0 else { return }
        _ = lm_munmap(aside, TrappedBlock.capacity * pageSize)
    }

    /// Runs something while no write is served. This and the rest on the merging thread.
    func excluding<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R { try lock.holding(body) }

    /// Writes to memory of the program, where it may meet a trap. In ``excluding(_:)``.
    func writing<R>(_ body: () -> R) -> R { lock.writing(body) }

    /// What is served from now on.
    func serve(_ memory: [Served]) { excluding { served = memory } }

    /// Hands over what happened since the last time; whether nothing was missing. In ``excluding(_:)``.
    func takeNews(_ body: (TrapNews) -> Void) -> Bool { news.takeAll(body) }

    /// How many map entries may be made from now on, until the next time. In ``excluding(_:)``, after the news were taken.
    func allow(entries: Int) { entriesLeft = entries }

    /// Ends the thread. Whoever waits goes on, and nothing is trapped any more.
    func stop() {
        excluding { isStopping = true }
        var one: UInt64 = 1
        // SAFETY: eight bytes of a local variable.
        _ = unsafe lm_write(bell, &one, MemoryLayout<UInt64>.size)
        ended.wait()
        close()
    }

    private func run() {
        var messages = InlineArray<16, lm_uffd_message>(repeating: lm_uffd_message())
        var goesOn = true
        while goesOn {
            waitForMessages()
            // SAFETY: room for sixteen messages.
            let found = unsafe withUnsafeMutableBytes(of: &messages) { room in
                unsafe lm_uffd_messages(
                    context, room.baseAddress!.assumingMemoryBound(to: lm_uffd_message.self), 16)
            }
            for place in 0..<max(0, found) where messages[place].event == UInt8(LM_UFFD_EVENT_PAGEFAULT) {
                permit(UInt(messages[place].address) & ~UInt(pageSize - 1))
            }
            _ = lock.serving {
                news.takeAll(of: &letGo)
                goesOn = !isStopping
            }
        }
        ended.signal()
    }

    /// Waits until somebody writes or the bell rings; not for long while there is something to tell.
    private func waitForMessages() {
        var entries: InlineArray<2, lm_poll_entry> = [
            lm_poll_entry(descriptor: context, events: Int16(LM_POLL_IN), found: 0),
            lm_poll_entry(descriptor: bell, events: Int16(LM_POLL_IN), found: 0),
        ]
        // SAFETY: two entries.
        unsafe withUnsafeMutableBytes(of: &entries) { list in
            let first = unsafe list.baseAddress!.assumingMemoryBound(to: lm_poll_entry.self)
            _ = unsafe lm_poll(first, 2, letGo.count > 0 ? 10_000_000 : -1)
        }
    }

    /// Lets the write to a page happen.
    private func permit(_ page: UInt) {
        while !lock.serving({ giveOwnMemory(page) }) {
            // Only the context that has a page can take it out: nothing happens where a window is open.
            let result = lm_uffd_unregister(context, page, pageSize)
            if result == 0 { letGo.append(.letGo, page) }
            if result != -Int32(LM_ENOMEM) || letGoAround(page) { break }
            lm_yield()
        }
        _ = lm_uffd_wake(context, page, pageSize)
    }

    /// Takes the whole mapping of a page out of the context, for which no map entry is needed.
    private func letGoAround(_ page: UInt) -> Bool {
        var query = lm_map_query()
        var name = InlineArray<64, CChar>(repeating: 0)
        // SAFETY: room for 64 bytes of the name.
        let result = unsafe withUnsafeMutableBytes(of: &name) { room in
            unsafe lm_query_map(maps, page, &query, room.baseAddress!.assumingMemoryBound(to: CChar.self))
        }
        guard result == 0, query.start <= page else { return false }
        let (start, size) = (UInt(query.start), Int(query.end - query.start))
        guard lm_uffd_unregister(context, start, size) == 0 else { return false }
        letGo.append(.letGo, start, pageCount: size / pageSize)
        _ = lm_uffd_wake(context, start, size)
        return true
    }

    /// Gives a page, and its block, anonymous memory. The lock is held: no window is open.
    private func giveOwnMemory(_ page: UInt) {
        guard let memory = served.first(where: { $0.start <= page && page < $0.end }) else {
            // It is released; what lies there now may be somebody else's. Where a map entry is missing it is not: only the
            // context that has a page could be split off.
            if lm_uffd_unregister(context, page, pageSize) == -Int32(LM_ENOMEM) {
                _ = lm_uffd_write_protect(context, page, pageSize, 0)
            }
            return
        }
        guard entriesLeft >= 2, !news.isFull,
            let block = TrappedBlock(
                around: page, in: (memory.start, memory.end), pagemap: pagemap, pageSize: pageSize),
            block.becomeAnonymous(aside: &aside, advice: memory.advice)
        else {
            news.append(.rewritten, page)
            _ = lm_uffd_write_protect(context, page, pageSize, 0)
            return
        }
        entriesLeft -= 2
        let isTracked = lm_uffd_register(tracker, block.start, block.size, LM_UFFD_MODE_WP) == 0
        news.append(isTracked ? .anonymous : .untracked, block.start, pageCount: block.pageCount)
        _ = lm_uffd_wake(context, block.start, block.size)
    }
}
