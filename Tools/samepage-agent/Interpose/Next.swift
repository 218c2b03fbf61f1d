internal import CLinuxMemory

// What comes after this library in the program's list of libraries: other preloaded ones, then libc. All of it is looked up
// once, by the constructor: later another thread may hold the loader's lock, and wait for the one that asks.

/// The calls that are passed on.
enum NextCall: Int {
    case fork, bareFork, clone, daemon, forkpty, createThread, startThread
    case mmap, mmap64, munmap, madvise, mprotect, mremap, mlock, mlock2, munlock, mlockall, munlockall, syscall
    case opendir, closedir, scandir, scandir64, open, open64, openat, openat64
    case openChecked, open64Checked, openatChecked, openat64Checked
    case stat, stat64, fstatat, fstatat64, statx
    case setsockopt, ioctl, prctl, setrlimit, setrlimit64, prlimit, prlimit64, unshare, setns, capset
    case processMadvise, pkeyMprotect, shmat, vmsplice
    case fopen, fopen64, fclose, close, umount, umount2
    case send, sendto, sendmsg, sendmmsg, initializeMutex, mincore, setitimer

    /// At most as many as ``nextIsForeign`` has bits.
    static var count: Int { NextCall.setitimer.rawValue + 1 }

    /// The name that the linker knows.
    fileprivate var name: StaticString {
        switch self {
        case .fork: "fork"
        case .bareFork: "_Fork"
        case .clone: "clone"
        case .daemon: "daemon"
        case .forkpty: "forkpty"
        case .createThread: "pthread_create"
        case .startThread: "thrd_create"
        case .mmap: "mmap"
        case .mmap64: "mmap64"
        case .munmap: "munmap"
        case .madvise: "madvise"
        case .mprotect: "mprotect"
        case .mremap: "mremap"
        case .mlock: "mlock"
        case .mlock2: "mlock2"
        case .munlock: "munlock"
        case .mlockall: "mlockall"
        case .munlockall: "munlockall"
        case .syscall: "syscall"
        case .opendir: "opendir"
        case .closedir: "closedir"
        case .scandir: "scandir"
        case .scandir64: "scandir64"
        case .open: "open"
        case .open64: "open64"
        case .openat: "openat"
        case .openat64: "openat64"
        case .openChecked: "__open_2"
        case .open64Checked: "__open64_2"
        case .openatChecked: "__openat_2"
        case .openat64Checked: "__openat64_2"
        case .stat: "stat"
        case .stat64: "stat64"
        case .fstatat: "fstatat"
        case .fstatat64: "fstatat64"
        case .statx: "statx"
        case .setsockopt: "setsockopt"
        case .ioctl: "ioctl"
        case .prctl: "prctl"
        case .setrlimit: "setrlimit"
        case .setrlimit64: "setrlimit64"
        case .prlimit: "prlimit"
        case .prlimit64: "prlimit64"
        case .unshare: "unshare"
        case .setns: "setns"
        case .capset: "capset"
        case .processMadvise: "process_madvise"
        case .pkeyMprotect: "pkey_mprotect"
        case .shmat: "shmat"
        case .vmsplice: "vmsplice"
        case .fopen: "fopen"
        case .fopen64: "fopen64"
        case .fclose: "fclose"
        case .close: "close"
        case .umount: "umount"
        case .umount2: "umount2"
        case .send: "send"
        case .sendto: "sendto"
        case .sendmsg: "sendmsg"
        case .sendmmsg: "sendmmsg"
        case .initializeMutex: "pthread_mutex_init"
        case .mincore: "mincore"
        case .setitimer: "setitimer"
        }
    }
}

/// Where the next definitions are; 0 where there is none.
nonisolated(unsafe) private var nextPlaces = InlineArray<63, UInt>(repeating: 0)
/// Bit n is set if call n is another library's than libc.
nonisolated(unsafe) private var nextIsForeign: UInt64 = 0

/// Looks up all of them: in the constructor.
func findNextCalls() {
    let libc = lm_libc_extent()
    for number in 0..<NextCall.count {
        guard let call = NextCall(rawValue: number), let place = unsafe lm_next_symbol(text(call.name)) else {
            continue
        }
        unsafe nextPlaces[number] = UInt(bitPattern: place)
        if unsafe nextPlaces[number] < libc.start || nextPlaces[number] >= libc.end {
            unsafe nextIsForeign |= 1 << UInt64(number)
        }
    }
}

/// The next definition of a call; `nil` if there is none. Before the constructor has run it is looked up.
func next(_ call: NextCall) -> UnsafeMutableRawPointer? {
    let place = unsafe nextPlaces[call.rawValue]
    return place != 0 ? unsafe UnsafeMutableRawPointer(bitPattern: place) : unsafe lm_next_symbol(text(call.name))
}

/// Calls the next definition, with words for arguments. -1 where there is none.
func pass(_ call: NextCall, _ a: Int, _ b: Int, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0) -> Int {
    guard let function = unsafe next(call) else { return -1 }
    // SAFETY: a function of libc that takes at most so many integers and pointers.
    return unsafe unsafeBitCast(function, to: (@convention(c) (Int, Int, Int, Int, Int, Int) -> Int).self)(
        a, b, c, d, e, f)
}

/// The next definition of a call, if it is not libc's own, which only asks the kernel.
func foreign(_ call: NextCall) -> UnsafeMutableRawPointer? {
    guard unsafe nextIsForeign >> UInt64(call.rawValue) & 1 != 0 else { return nil }
    return unsafe UnsafeMutableRawPointer(bitPattern: nextPlaces[call.rawValue])
}

/// Whether another library stands in for any of the calls.
var someAreForeign: Bool { unsafe nextIsForeign != 0 }

/// A path as an argument of ``pass(_:_:_:_:_:_:_:)``.
func word(_ path: UnsafePointer<CChar>?) -> Int { Int(bitPattern: path) }
