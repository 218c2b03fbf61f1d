internal import CLinuxMemory

/// Merges pages of this process's own memory: maps frames of a segment over pages that hold the same bytes,
/// copy-on-write, without anyone noticing but by the clock.
///
/// A merge works on a window of at most 512 neighbouring pages:
///
/// 1. **open**: the window goes from the tracker's context to a synchronous one, and is write-protected. Whoever
///    writes now waits.
/// 2. **compare**: pages that differ from their frames are out. Others read on.
/// 3. **move**: UFFDIO_MOVE takes the pages to a staging area. It refuses pages that a device or another process
///    has pinned or shares. From here on, readers of these pages wait too.
/// 4. **barrier**: registration once more, which waits for whoever copies into the window under the map lock.
/// 5. **compare again**: nobody can change the staged bytes any more; pages that changed before that move back.
/// 6. **map**: neighbouring pages on neighbouring frames become one private mapping. Pages of zeros remain a hole.
/// 7. **close**: the window goes back to the tracker, whoever waits wakes up, and the staged pages are given back.
///
/// The staged bytes are the only copy between 3 and 6: whatever goes wrong, they move back.
///
/// Debuggers, and whoever reads or writes memory by /proc/PID/mem, cannot wait for a window: while there are any none is opened.
///
/// The caller holds, from before the call until after it, the lock that keeps fork, munmap, mremap, madvise, mprotect
/// and mmap away from the window, and does not use memory of a tracked range for itself: not its stack, not the pages
/// given. The calls allocate nothing and lock nothing. After a merge every page of the window counts as written.
///
/// The descriptors belong to the descriptor table of the thread that makes the remapper: use and destroy it there.
public struct Remapper: ~Copyable {
    /// Pages in the largest window.
    public static var windowCapacity: Int { 512 }

    /// Tracks what is written between merges.
    public let tracker: Tracker
    /// A synchronous context that somebody else serves, and that merged runs belong to instead of the tracker's, write
    /// protected: see ``arm(_:pageCount:)``. Below 0: none. The pages of one window then all lie over frames, or none does.
    public var trap: Int32 = -1

    /// The userfaultfd context that makes writers wait.
    let context: Int32
    /// Bytes in a page.
    let pageSize: Int
    /// Where pages stay between the move and the mapping: room for a window, wherever in a huge page it begins.
    let staging: UInt
    /// Buffers of our own.
    let scratch: Scratch
    /// Where all of that and copies lie; `nil` where the kernel chose.
    let room: RemapRoom?
    /// Where copies are made in that room; 0 where the kernel is to choose each time.
    var keptCopies: UInt
    /// Whether the staging area can be used at the moment.
    var stagingIsOpen: Bool
    /// Who may look at a window from outside.
    var onlookers = Onlookers()
    /// Before how many windows more it is looked which pages other processes map: some were busy lately.
    var windowsToLookAt = 0

    /// So many after the last busy page.
    static var windowsAfterBusy: Int { 64 }

    #if Mutants
        /// Safety that tests take out, to see that it is missed.
        public var mutants = RemapMutants()
    #endif

    /// Bytes of a huge page: the staging area is aligned like the window, so that a huge page can move as a whole.
    static var hugePage: UInt { 2 << 20 }

    /// Opens a remapper for the memory of this process.
    ///
    /// - Parameters:
    ///   - pageSize: Bytes in a page.
    ///   - device: An open /dev/userfaultfd that was handed over, for a process that may not open it; below 0: none.
    ///     It is not closed.
    ///   - room: Where to keep what a merge needs; `nil` where the kernel is to choose.
    /// - Throws: What is missing; see also ``RemapFeatures/missing``.
    public init(pageSize: Int = 4096, device: Int32 = -1, room: RemapRoom? = nil) throws(RemapError) {
        let tracker = try Tracker(pageSize: pageSize, device: device)
        let opened = openUserfault(device)
        guard opened.descriptor >= 0 else { throw RemapError(call: .openUserfault, code: -opened.descriptor) }
        guard opened.full != 0 else {
            _ = lm_close(opened.descriptor)
            throw RemapError(call: .openUserfault, code: Int32(LM_EPERM))
        }
        // Not WP_UNPOPULATED: its markers would look like swapped-out pages where pages were moved away.
        let answer = lm_uffd_api(
            opened.descriptor,
            LM_UFFD_FEATURE_PAGEFAULT_FLAG_WP | LM_UFFD_FEATURE_WP_SHMEM | LM_UFFD_FEATURE_MISSING_SHMEM
                | LM_UFFD_FEATURE_MOVE)
        guard answer.error == 0 else {
            _ = lm_close(opened.descriptor)
            throw RemapError(call: .userfaultFeatures, code: -answer.error)
        }
        var failure = RemapError(call: .map, code: 0)
        let memory =
            room.map { Self.takeRoom($0, context: opened.descriptor, pageSize: pageSize, failure: &failure) }
            ?? Self.mapOwnMemory(context: opened.descriptor, pageSize: pageSize, failure: &failure)
        guard failure.code == 0 else {
            _ = lm_close(opened.descriptor)
            throw failure
        }
        self.tracker = tracker
        self.context = opened.descriptor
        self.pageSize = pageSize
        self.staging = memory.staging
        self.scratch = memory.scratch
        self.room = room
        keptCopies = room?.copies ?? 0
        stagingIsOpen = false
    }

    /// Whether somebody was there that the kernel cannot make wait for a window, when one was to be opened last.
    public var isWatched: Bool { onlookers.arePresent }

    /// Looks whether somebody is there now.
    public mutating func lookForOnlookers() -> Bool {
        let wereHeldOff = onlookers.areHeldOff
        let areThere = !onlookers.holdOff()
        if !wereHeldOff { onlookers.letIn() }
        return areThere
    }

    /// Takes over two files of this process in another mount of /proc than its own: its status, and its memory opened without any
    /// access. Whoever looks at it from there is seen, too.
    public mutating func lookFromOutside(status: Int32, memory: Int32) {
        onlookers.lookFromOutside(status: status, memory: memory)
    }

    /// In a forked child, whose parent may have been merging.
    public static func forgetAfterFork() { Onlookers.forgetAfterFork() }

    /// Lets those in who waited since a merge that was to hold them off.
    public mutating func letOnlookersIn() { onlookers.letIn() }

    deinit {
        if room == nil {
            _ = lm_munmap(staging, Self.stagingSize(pageSize))
            _ = lm_munmap(scratch.address, Scratch.size)
        }
        _ = lm_close(context)
    }

    /// Bytes of the staging area: a window, and the way to the next huge page.
    static func stagingSize(_ pageSize: Int) -> Int { windowCapacity * pageSize + Int(hugePage) }

    /// Maps the staging area and the buffers; on failure nothing remains mapped.
    private static func mapOwnMemory(
        context: Int32, pageSize: Int, failure: inout RemapError
    ) -> (staging: UInt, scratch: Scratch) {
        let flags = LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_NORESERVE
        let protection = Int32(LM_PROT_READ | LM_PROT_WRITE)
        let scratch = lm_mmap(0, Scratch.size, protection, Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS), -1, 0)
        guard lm_is_error(scratch) == 0 else {
            failure = RemapError(call: .map, code: Int32(-scratch))
            return (0, Scratch(address: 0))
        }
        // Never a fault during a merge for these.
        _ = lm_madvise(UInt(bitPattern: scratch), Scratch.size, Int32(LM_MADV_POPULATE_WRITE))
        _ = lm_madvise(UInt(bitPattern: scratch), Scratch.size, Int32(LM_MADV_DONTFORK))

        let size = stagingSize(pageSize)
        let slack = Int(hugePage)
        let raw = lm_mmap(0, size + slack, Int32(LM_PROT_NONE), Int32(flags), -1, 0)
        guard lm_is_error(raw) == 0 else {
            _ = lm_munmap(UInt(bitPattern: scratch), Scratch.size)
            failure = RemapError(call: .map, code: Int32(-raw))
            return (0, Scratch(address: 0))
        }
        let start = UInt(bitPattern: raw)
        let staging = (start + hugePage - 1) & ~(hugePage - 1)
        if staging > start { _ = lm_munmap(start, Int(staging - start)) }
        let end = start + UInt(size + slack)
        if staging + UInt(size) < end { _ = lm_munmap(staging + UInt(size), Int(end - staging) - size) }
        _ = lm_madvise(staging, size, Int32(LM_MADV_DONTFORK))
        _ = lm_madvise(staging, size, Int32(LM_MADV_NOHUGEPAGE))
        let registered = lm_uffd_register(context, staging, size, LM_UFFD_MODE_MISSING)
        if registered != 0 {
            _ = lm_munmap(UInt(bitPattern: scratch), Scratch.size)
            _ = lm_munmap(staging, size)
            failure = RemapError(call: .register, code: -registered)
        }
        return (staging, Scratch(address: UInt(bitPattern: scratch)))
    }
}

#if Mutants
    /// Safety that a test takes out. Not an option set, which could allocate: the agent must not.
    public struct RemapMutants: Sendable {
        /// The bits.
        public var rawValue: UInt8
        /// Takes the bits.
        public init(rawValue: UInt8 = 0) { self.rawValue = rawValue }
        /// Whether these are taken out.
        public func contains(_ other: Self) -> Bool { rawValue & other.rawValue == other.rawValue }
        /// No write protection.
        public static var noWriteProtection: Self { Self(rawValue: 1) }
        /// No second compare.
        public static var noSecondCompare: Self { Self(rawValue: 2) }
        /// No first compare: pages that differ are moved, and have to come back.
        public static var noFirstCompare: Self { Self(rawValue: 8) }
        /// Errors of UFFDIO_MOVE are believed without a look into the page map.
        public static var noPagemapRule: Self { Self(rawValue: 4) }
        /// Pages of merged runs that were written since are given up as if nobody could write through a pin.
        public static var trustsRewritten: Self { Self(rawValue: 16) }
    }
#endif
