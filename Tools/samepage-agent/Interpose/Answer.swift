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

/// A word of the program's, as the kernel would read it for a call; `nil` where it cannot.
func programWord(at address: UInt) -> UInt? {
    guard lm_can_read(address) != 0, let word = unsafe UnsafeRawPointer(bitPattern: address) else { return nil }
    // SAFETY: the kernel has just read it; it need not be aligned.
    return unsafe word.loadUnaligned(as: UInt.self)
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

/// What was mapped between two addresses may be no more: of a call that failed halfway, or one that nobody told us
/// of. The lock is held.
func forgetUnmapped(_ start: UInt, _ end: UInt) {
    let end = min(end, 1 << 56)
    guard start < end, ranges.touches(start, end), lm_test_mapped(start, Int(end - start)) == -Int32(LM_ENOMEM) else {
        return
    }
    var address = start
    while let run = ranges.knownRun(from: address, limit: end) {
        address = run.start
        var size = run.end - run.start
        if !ranges.keepsAny(run.start, run.end), ownMappings.nextOwn(from: run.start, limit: run.end) == run.end {
            address = run.end
            continue
        }
        while address < run.end {
            size = min(size, run.end - address)
            // Only the kernel's map knows: large parts are asked for first, and halved where they differ.
            if lm_test_mapped(address, Int(size)) != -Int32(LM_ENOMEM) {
                address += size
                size *= 2
            } else if size == 4096 || isEmpty(address, size) {
                forget(address, address + size)
                address += size
                size *= 2
            } else {
                size = (size / 2 + 4095) & ~4095
            }
        }
    }
}

/// Whether nothing at all is mapped in a part of the address space.
private func isEmpty(_ address: UInt, _ size: UInt) -> Bool {
    let flags = Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_NORESERVE | LM_MAP_FIXED_NOREPLACE)
    let mapped = lm_mmap(address, Int(size), Int32(LM_PROT_NONE), flags, -1, 0)
    guard lm_is_error(mapped) == 0 else { return false }
    _ = lm_munmap(UInt(bitPattern: mapped), Int(size))
    return UInt(bitPattern: mapped) == address
}

/// Has the agent's thread look at what is new. The lock is not held; errno stays as it is.
func wakeAgent(byAllocator: Bool = false) {
    // SAFETY: errno of this thread.
    let before = unsafe __errno_location().pointee
    if startAgentThread(byAllocator: byAllocator) { ringDoorbellOnce() }
    unsafe __errno_location().pointee = before
}
