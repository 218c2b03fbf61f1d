internal import CLinuxMemory

// Locking memory makes the kernel give every page memory of its own; no page is merged while it is locked.

/// mlock.
@c(mlock)
public func interposedMlock(_ address: UInt, _ size: Int) -> Int32 {
    answer(lockForProgram(Int(LM_SYS_MLOCK), address, size, 0))
}

/// mlock2.
@c(mlock2)
public func interposedMlock2(_ address: UInt, _ size: Int, _ flags: UInt32) -> Int32 {
    answer(lockForProgram(Int(LM_SYS_MLOCK2), address, size, Int(flags)))
}

/// munlock.
@c(munlock)
public func interposedMunlock(_ address: UInt, _ size: Int) -> Int32 { answer(unlockForProgram(address, size)) }

/// mlockall.
@c(mlockall)
public func interposedMlockall(_ flags: Int32) -> Int32 { answer(lockAllForProgram(flags)) }

/// munlockall.
@c(munlockall)
public func interposedMunlockall() -> Int32 { answer(unlockAllForProgram()) }

/// 1 while what is mapped anew is locked at once (MCL_FUTURE): also what a merge maps.
nonisolated(unsafe) var locksFuture: UInt32 = 0

func lockForProgram(_ number: Int, _ address: UInt, _ size: Int, _ flags: Int) -> Int32 {
    // mlock takes the whole page that an address lies in.
    let start = address & ~4095
    let call = { () -> Int32 in
        nextIntCall(number == Int(LM_SYS_MLOCK) ? .mlock : .mlock2, number, Int(bitPattern: address), size, flags)
    }
    guard isWatching, let end = pageEnd(start, size &+ Int(address - start)) else { return call() }
    unmergeBeforeCall(start, end)
    guard enterCall() else { return call() }
    // Before the call, which may take long: the agent leaves them alone from here on.
    ranges.markUnfit(start, end, retry: false)
    AgentLock.release()
    let result = call()
    if result != 0 {
        examineAgain(start, end)
    } else if enterCall() {
        // A look at the map meanwhile found them not locked yet.
        ranges.markUnfit(start, end, retry: false)
        AgentLock.release()
    }
    return result
}

/// Gives pages over frames anonymous memory, before a call that frames would answer otherwise, or copies made in place, which
/// do not merge again.
func unmergeBeforeCall(_ start: UInt, _ end: UInt) {
    guard enterCall() else { return }
    let hasFrames = ranges.hasFrames(start, end)
    AgentLock.release()
    if hasFrames { _ = performJob(.unmerge(start: start, end: end, inPlace: false)) }
}

func unlockForProgram(_ address: UInt, _ size: Int) -> Int32 {
    let result = nextIntCall(.munlock, Int(LM_SYS_MUNLOCK), Int(bitPattern: address), size, 0)
    let start = address & ~4095
    if isWatching, let end = pageEnd(start, size &+ Int(address - start)) { examineAgain(start, end) }
    return result
}

func lockAllForProgram(_ flags: Int32) -> Int32 {
    guard !isAgentOff else { return lockAllByKernel(flags) }
    if flags & Int32(LM_MCL_CURRENT) != 0 { unmergeBeforeCall(0, UInt.max & ~4095) }
    guard enterCall() else { return lockAllByKernel(flags) }
    let before = unsafe lm_atomic_load(&locksFuture)
    unsafe lm_atomic_store(&locksFuture, flags & Int32(LM_MCL_FUTURE) != 0 ? 1 : 0)
    ranges.markUnfit(0, UInt.max & ~4095, retry: false)
    AgentLock.release()
    let lock = { Int32(truncatingIfNeeded: performJob(.lockAll(flags: flags), startsThread: false)) }
    var result = lock()
    // The kernel counts all that is mapped, the agent's memory too, against RLIMIT_MEMLOCK.
    if result == -Int32(LM_ENOMEM), performJob(.shed, startsThread: false) != 0 { result = lock() }
    if result != 0 { unsafe lm_atomic_store(&locksFuture, before) }
    // Those that the call did not lock after all merge again.
    examineAgain(0, UInt.max & ~4095)
    return result
}

private func lockAllByKernel(_ flags: Int32) -> Int32 {
    nextIntCall(.mlockall, Int(LM_SYS_MLOCKALL), Int(flags), 0, 0)
}

/// mlockall, on the agent's thread: the kernel fills every page that it locks, and would wait for ever for those of the
/// staging area, which nobody fills but a merge. Segments of frames are not mapped meanwhile.
func lockEverything(_ flags: Int32) -> Int {
    let isMine = AgentLock.acquire()
    defer { if isMine { AgentLock.release() } }
    // They count as memory to lock, and would be filled.
    segments.unmapAll()
    // What is ours does not count as memory that the program has locked.
    defer { agentMemory.unlock() }
    guard let remapper = unsafe work.remapper else { return Int(lockAllByKernel(flags)) }
    let context = unsafe remapper.pointee.context
    let staging = unsafe remapper.pointee.staging
    let size = unsafe Remapper.stagingSize(remapper.pointee.pageSize)
    _ = lm_uffd_unregister(context, staging, size)
    let result = lockAllByKernel(flags)
    unsafe remapper.pointee.emptyStaging()
    _ = lm_uffd_register(context, staging, size, LM_UFFD_MODE_MISSING)
    return Int(result)
}

extension Remapper {
    /// Gives back what the kernel has filled the staging area with: pages can only be moved to where there are none.
    func emptyStaging() {
        let size = Remapper.stagingSize(pageSize)
        _ = lm_system_call(Int(LM_SYS_MUNLOCK), Int(bitPattern: staging), size, 0, 0, 0, 0)
        _ = lm_madvise(staging, size, Int32(LM_MADV_DONTNEED))
    }
}

func unlockAllForProgram() -> Int32 {
    let result = nextIntCall(.munlockall, Int(LM_SYS_MUNLOCKALL), 0, 0, 0)
    if result == 0 { unsafe lm_atomic_store(&locksFuture, 0) }
    if isWatching { examineAgain(0, UInt.max & ~4095) }
    return result
}

/// What a call was about may be fit now: the agent's thread looks.
func examineAgain(_ start: UInt, _ end: UInt) {
    guard enterCall() else { return }
    let isKnown = ranges.touches(start, end)
    if isKnown { ranges.markForExamination(start, end) }
    AgentLock.release()
    if isKnown { ringDoorbellOnce() }
}
