internal import CLinuxMemory

/// Those who read and write this process's memory in ways that cannot wait for a merge: the kernel answers EIO to ptrace
/// and to /proc/PID/mem where a page is away or write-protected. While there is anybody no window is opened.
///
/// - A tracer shows in the status of the thread that it traces.
/// - Whoever has the process's memory open keeps the kernel from granting a write lease on that file. While the lease
///   is held, a newcomer waits in its open.
///
/// Each thread has files of its own for the same memory. The first thread's is looked at, and held, for each window; the
/// others now and then. The lease is held for half a millisecond at most, and a window. A tracer that comes while a
/// window is open cannot be held off; but whoever was seen counts as there for two seconds more, since it often comes again.
///
/// Another mount of /proc has other files, and a tracer outside of the pid namespace has no number there. Where the process
/// has such a mount, the daemon lends it two files of its own: see ``lookFromOutside(status:memory:)``.
///
/// What cannot be seen counts as nobody: openers through a further mount of /proc, and, where the process may not open its
/// own memory, who has it open.
@safe
struct Onlookers: ~Copyable {
    /// The process's folder in /proc, its memory, and the first thread's status; below 0 where they cannot be opened.
    private let folder: Int32
    private let memory: Int32
    private let status: Int32
    /// The last two as somebody outside sees them; below 0 where nobody lent them.
    private var outerStatus: Int32 = -1
    private var outerMemory: Int32 = -1
    /// When the lease was taken; `nil` while nobody is held off.
    private var heldSince: UInt64?
    /// When all threads are looked at next, and what the last look at them showed.
    private var lookDue: UInt64 = 0
    private var wereAtThread = false
    /// Whether somebody was there at the last look.
    private(set) var arePresent = false
    /// Until when somebody who was seen counts as there.
    private var presentUntil: UInt64 = 0

    /// How long newcomers are held off, in nanoseconds, before they get a chance.
    private static var longestHold: UInt64 { 500_000 }
    /// How long somebody counts as there after having been seen, in nanoseconds.
    private static var stay: UInt64 { 2_000_000_000 }
    /// Threads looked at, at most.
    private static var threadLimit: Int { 256 }

    /// Opens what a look needs. The calling thread is the one to use it.
    init() {
        folder = open(-1, "/proc/self", Int32(LM_O_RDONLY))
        memory = open(folder, "mem", Int32(LM_O_NO_ACCESS))
        status = open(folder, "status", Int32(LM_O_RDONLY))
    }

    deinit {
        // With the file its lease goes, too.
        if heldSince != nil { unsafe lm_atomic_store(&Self.holder, 0) }
        if folder >= 0 { _ = lm_close(folder) }
        if memory >= 0 { _ = lm_close(memory) }
        if status >= 0 { _ = lm_close(status) }
        if outerStatus >= 0 { _ = lm_close(outerStatus) }
        if outerMemory >= 0 { _ = lm_close(outerMemory) }
    }

    /// Looks at two more files of the process: its status and its memory in another mount of /proc. They are closed in the end,
    /// or at once where they are the same files as its own: of those only one can be held.
    mutating func lookFromOutside(status: Int32, memory: Int32) {
        letIn()
        if outerStatus >= 0 { _ = lm_close(outerStatus) }
        if outerMemory >= 0 { _ = lm_close(outerMemory) }
        // Whoever lent them could keep a reader of other files waiting.
        outerStatus = lm_is_of_proc(status) != 0 ? status : -1
        outerMemory = lm_is_of_proc(memory) != 0 && lm_is_same_file(memory, self.memory) == 0 ? memory : -1
        if outerStatus < 0 { _ = lm_close(status) }
        if outerMemory < 0 { _ = lm_close(memory) }
    }

    /// The process in which somebody holds newcomers off; 0 while nobody does. One lease at a time is granted, and a forked
    /// child's are its own.
    nonisolated(unsafe) private static var holder: UInt32 = 0

    /// In a forked child: its parent's lease is not its own.
    static func forgetAfterFork() { unsafe lm_atomic_store(&holder, 0) }

    /// Whether newcomers are held off.
    var areHeldOff: Bool { heldSince != nil }

    /// Looks, and holds newcomers off until ``letIn()``; `false` if somebody is there.
    mutating func holdOff() -> Bool {
        let time = lm_monotonic_nanoseconds()
        if let since = heldSince {
            if time &- since < Self.longestHold { return true }
            letIn()
        }
        if time < presentUntil {
            arePresent = true
            return false
        }
        arePresent = look(at: time)
        if arePresent { presentUntil = time + Self.stay } else { heldSince = time }
        return !arePresent
    }

    /// Lets newcomers in, and looks whether a tracer came meanwhile.
    mutating func letIn() {
        guard heldSince != nil else { return }
        lm_drop_lease(memory)
        if outerMemory >= 0 { lm_drop_lease(outerMemory) }
        unsafe lm_atomic_store(&Self.holder, 0)
        heldSince = nil
        if Self.isTraced(status) || Self.isTraced(outerStatus) { presentUntil = lm_monotonic_nanoseconds() + Self.stay }
    }

    /// Whether somebody is there; if not, the lease is taken where there can be one.
    private mutating func look(at time: UInt64) -> Bool {
        if Self.isTraced(status) || Self.isTraced(outerStatus) { return true }
        // Before any lease is tried: one that another remapper of the process holds would count as somebody.
        waitForTurn()
        if time >= lookDue {
            let start = lm_monotonic_nanoseconds()
            wereAtThread = lookAtThreads()
            // A tenth of the time at most.
            let end = lm_monotonic_nanoseconds()
            lookDue = end + 10 * (end &- start)
        }
        guard wereAtThread || !takeLeases() else { return false }
        unsafe lm_atomic_store(&Self.holder, 0)
        return true
    }

    /// Takes a lease on each file of the process's memory; `false` where anybody else has one open.
    private func takeLeases() -> Bool {
        if lm_take_lease(memory) == -Int32(LM_EAGAIN) { return false }
        if outerMemory < 0 || lm_take_lease(outerMemory) != -Int32(LM_EAGAIN) { return true }
        lm_drop_lease(memory)
        return false
    }

    /// Waits until no other remapper of the process holds newcomers off, which is for a window or a little longer.
    private func waitForTurn() {
        let process = UInt32(bitPattern: lm_process_id())
        while true {
            let holder = unsafe lm_atomic_load(&Self.holder)
            if holder != process, unsafe lm_atomic_replace(&Self.holder, holder, process) != 0 { return }
            lm_yield()
        }
    }

    /// Whether somebody traces a thread, or has its memory open by a file of that thread's.
    private func lookAtThreads() -> Bool {
        let list = open(folder, "task", Int32(LM_O_RDONLY))
        guard list >= 0 else { return false }
        defer { _ = lm_close(list) }
        var room = InlineArray<1024, UInt8>(repeating: 0)
        var threads = 0
        while true {
            // SAFETY: the room has that size.
            let size = unsafe withUnsafeMutableBytes(of: &room) {
                unsafe lm_getdents(list, $0.baseAddress.unsafelyUnwrapped, 1024)
            }
            guard size > 0 else { return false }
            var place = 0
            // An entry has its length in two bytes after 16, and its name after 19.
            while place + 19 < size {
                let length = Int(room[place + 16]) | Int(room[place + 17]) << 8
                guard length > 19, place + length <= size else { return false }
                if room[place + 19] != UInt8(ascii: "."), threads < Self.threadLimit {
                    threads += 1
                    if isWatched(room, name: place + 19) { return true }
                }
                place += length
            }
        }
    }

    /// Whether the thread of that number is.
    private func isWatched(_ entries: InlineArray<1024, UInt8>, name: Int) -> Bool {
        var path = ThreadPath(entries, name: name)
        let file = path.open(in: folder, "task/", "/status", Int32(LM_O_RDONLY))
        defer { if file >= 0 { _ = lm_close(file) } }
        return Self.isTraced(file) || isOpen(path.open(in: folder, "task/", "/mem", Int32(LM_O_NO_ACCESS)))
            || isOpen(path.open(in: folder, "../", "/mem", Int32(LM_O_NO_ACCESS)))
    }

    /// Whether anybody else has a file of memory open. Closes it.
    private func isOpen(_ file: Int32) -> Bool {
        guard file >= 0 else { return false }
        defer { _ = lm_close(file) }
        let result = lm_take_lease(file)
        if result == 0 { lm_drop_lease(file) }
        return result == -Int32(LM_EAGAIN)
    }

    /// Whether an open status of /proc names a tracer. Takes little of the caller's stack.
    static func isTraced(_ file: Int32) -> Bool {
        guard file >= 0 else { return false }
        let name: StaticString = "\nTracerPid:\t"
        let length = name.utf8CodeUnitCount
        // The field is among the first.
        var room = InlineArray<512, UInt8>(repeating: 0)
        // SAFETY: the room has that size.
        let size = unsafe withUnsafeMutableBytes(of: &room) {
            unsafe lm_pread(file, $0.baseAddress.unsafelyUnwrapped, 512, 0)
        }
        var place = 0
        while place + length < size {
            var matched = 0
            // SAFETY: below the length of the literal.
            while matched < length, unsafe room[place + matched] == name.utf8Start[matched] { matched += 1 }
            if matched == length { return room[place + length] != UInt8(ascii: "0") }
            place += 1
        }
        return false
    }
}

/// Opens a path that begins at a folder; below 0: an error.
private func open(_ folder: Int32, _ path: StaticString, _ flags: Int32) -> Int32 {
    // SAFETY: literals are terminated by zero.
    unsafe lm_open_at(folder, UnsafeRawPointer(path.utf8Start).assumingMemoryBound(to: CChar.self), flags)
}

/// A path of a thread's file in /proc.
private struct ThreadPath {
    private var room = InlineArray<64, UInt8>(repeating: 0)
    private var digits = InlineArray<20, UInt8>(repeating: 0)
    private var digitCount = 0

    /// Takes the thread's number from an entry of the folder.
    init(_ entries: InlineArray<1024, UInt8>, name: Int) {
        while digitCount < 20, name + digitCount < 1024, entries[name + digitCount] != 0 {
            digits[digitCount] = entries[name + digitCount]
            digitCount += 1
        }
    }

    /// Opens a file whose path has the number between two texts; below 0: an error.
    mutating func open(in folder: Int32, _ before: StaticString, _ after: StaticString, _ flags: Int32) -> Int32 {
        var end = 0
        func append(_ byte: UInt8) {
            room[end] = byte
            end += 1
        }
        // SAFETY: below the lengths of the literals, which leave room for 20 digits and a zero.
        for place in 0..<before.utf8CodeUnitCount { append(unsafe before.utf8Start[place]) }
        for place in 0..<digitCount { append(digits[place]) }
        for place in 0..<after.utf8CodeUnitCount { append(unsafe after.utf8Start[place]) }
        append(0)
        // SAFETY: terminated by zero.
        return unsafe withUnsafeBytes(of: &room) {
            unsafe lm_open_at(folder, $0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self), flags)
        }
    }
}
