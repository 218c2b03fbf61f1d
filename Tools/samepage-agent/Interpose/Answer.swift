internal import CLinuxMemory

/// Gives a result of the kernel the form that C knows: -1 with errno; errno stays as it is on success.
func answer(_ result: Int) -> Int {
    guard lm_is_error(result) != 0 else { return result }
    lm_set_errno(Int32(-result))
    return -1
}

/// As ``answer(_:)-(Int)``, for calls that answer an int.
func answer(_ result: Int32) -> Int32 {
    guard result < 0, result > -4096 else { return result }
    lm_set_errno(-result)
    return -1
}

/// Whether there is anything to watch over: memory that the program mapped itself, or ranges. Without the lock.
var isWatching: Bool { unsafe lm_atomic_load(&tables.mappingCount) | lm_atomic_load(&tables.rangeCount) != 0 }

/// Takes the lock for a call of the program; `false` if this thread holds it: then only the kernel is called.
func enterCall() -> Bool {
    guard AgentLock.acquire() else { return false }
    if ForkSign.isMissing { becomeForkedChild(mayStartThread: false) }
    return true
}

/// The end of a stretch of bytes, rounded up to a page; `nil` where the kernel would say EINVAL.
func pageEnd(_ address: UInt, _ size: Int) -> UInt? {
    guard address & 4095 == 0 else { return nil }
    let (end, overflows) = address.addingReportingOverflow(UInt(bitPattern: size))
    guard !overflows, end <= UInt.max - 4095 else { return nil }
    return (end + 4095) & ~4095
}

/// The memory between two addresses was unmapped or replaced by other. The lock is held.
func forget(_ start: UInt, _ end: UInt) {
    ranges.markUnmapped(start, end)
    ownMappings.remove(start, end)
}

/// Has the agent's thread look at what is new. The lock is not held; errno stays as it is.
func wakeAgent(byAllocator: Bool = false) {
    // SAFETY: errno of this thread.
    let before = unsafe __errno_location().pointee
    if startAgentThread(byAllocator: byAllocator) { ringDoorbellOnce() }
    unsafe __errno_location().pointee = before
}
