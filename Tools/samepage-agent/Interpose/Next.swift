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
    case setsockopt
    case send, sendto, sendmsg, sendmmsg, initializeMutex

    static var count: Int { NextCall.initializeMutex.rawValue + 1 }

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
        case .send: "send"
        case .sendto: "sendto"
        case .sendmsg: "sendmsg"
        case .sendmmsg: "sendmmsg"
        case .initializeMutex: "pthread_mutex_init"
        }
    }
}

/// Where the next definitions are; 0 where there is none.
nonisolated(unsafe) private var nextPlaces = InlineArray<42, UInt>(repeating: 0)
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
private func foreign(_ call: NextCall) -> UnsafeMutableRawPointer? {
    guard unsafe nextIsForeign >> UInt64(call.rawValue) & 1 != 0 else { return nil }
    return unsafe UnsafeMutableRawPointer(bitPattern: nextPlaces[call.rawValue])
}

// The program's own calls, carried out: by the kernel, or by the next library that wants to see them. Each answers as the
// kernel does, with minus the error number.

func nextMmap(_ address: UInt, _ size: Int, _ protection: Int32, _ flags: Int32, _ file: Int32, _ offset: Int) -> Int {
    guard let function = unsafe foreign(.mmap64) ?? foreign(.mmap) else {
        return lm_mmap(address, size, protection, flags, file, Int64(offset))
    }
    return AgentLock.away {
        unsafe lm_call_next(
            function, Int(bitPattern: address), size, Int(protection), Int(flags), Int(file), offset)
    }
}

func nextMunmap(_ address: UInt, _ size: Int) -> Int32 {
    guard let function = unsafe foreign(.munmap) else { return lm_munmap(address, size) }
    return AgentLock.away { unsafe lm_call_next_int(function, Int(bitPattern: address), size, 0) }
}

func nextMadvise(_ address: UInt, _ size: Int, _ advice: Int32) -> Int32 {
    guard let function = unsafe foreign(.madvise) else { return lm_madvise(address, size, advice) }
    return AgentLock.away { unsafe lm_call_next_int(function, Int(bitPattern: address), size, Int(advice)) }
}

func nextMprotect(_ address: UInt, _ size: Int, _ protection: Int32) -> Int32 {
    guard let function = unsafe foreign(.mprotect) else { return lm_mprotect(address, size, protection) }
    return AgentLock.away { unsafe lm_call_next_int(function, Int(bitPattern: address), size, Int(protection)) }
}

func nextMremap(_ old: UInt, _ oldSize: Int, _ newSize: Int, _ flags: Int32, _ address: UInt) -> Int {
    guard let function = unsafe foreign(.mremap) else { return lm_mremap(old, oldSize, newSize, flags, address) }
    return AgentLock.away {
        unsafe lm_call_next(
            function, Int(bitPattern: old), oldSize, newSize, Int(flags), Int(bitPattern: address), 0)
    }
}

/// mlock, mlock2, munlock, mlockall or munlockall.
func nextLock(_ call: NextCall, _ number: Int, _ a: Int, _ b: Int, _ c: Int) -> Int32 {
    guard let function = unsafe foreign(call) else {
        return Int32(truncatingIfNeeded: lm_system_call(number, a, b, c, 0, 0, 0))
    }
    return AgentLock.away { unsafe lm_call_next_int(function, a, b, c) }
}

func nextSetsockopt(_ socket: Int, _ level: Int, _ option: Int, _ value: Int, _ size: Int) -> Int32 {
    guard let function = unsafe foreign(.setsockopt) else {
        return Int32(
            truncatingIfNeeded: lm_system_call(Int(LM_SYS_SETSOCKOPT), socket, level, option, value, size, 0))
    }
    return AgentLock.away { unsafe lm_call_next_int_5(function, socket, level, option, value, size) }
}

func nextSyscall(_ number: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int, _ e: Int, _ f: Int) -> Int {
    guard let function = unsafe foreign(.syscall) else { return lm_system_call(number, a, b, c, d, e, f) }
    return AgentLock.away { unsafe lm_call_next_syscall(function, number, a, b, c, d, e, f) }
}
