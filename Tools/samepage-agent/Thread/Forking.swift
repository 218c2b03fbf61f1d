internal import CLinuxMemory

/// Whether the handler that runs before a fork took the lock.
nonisolated(unsafe) private var forkTookLock = false

/// Has libc's fork hold the lock. Registered before all others, so that it is taken last, when nobody takes allocators'
/// locks any more, and given back first.
func watchForks() {
    // SAFETY: the handlers are functions of this library, which is never unloaded.
    lm_watch_forks(
        {
            let isMine = enterCall()
            unsafe forkTookLock = isMine
        },
        { if unsafe forkTookLock { AgentLock.release() } },
        {
            // Where system calls are filtered nothing is known but memory.
            if isAgentOff {
                AgentLock.takeOver()
                return AgentLock.releaseInChild()
            }
            becomeForkedChild(mayStartThread: true)
            AgentLock.releaseInChild()
        })
}

/// In a forked child, in its only thread, with the lock held: there is no agent's thread here, nobody waits for it,
/// and the kernel tracks nothing. What lies over frames still does. Only memory is written.
func becomeForkedChild(mayStartThread: Bool) {
    ForkSign.set()
    AgentLock.takeOver()
    var state = AgentThreadState()
    state.process = UInt32(bitPattern: lm_process_id())
    state.mallocKind = unsafe agentThread.mallocKind
    // Where libc's locks were not put in order no thread can be started: also not by children of this one.
    state.isForbidden = unsafe mayStartThread ? agentThread.isForbidden : 1
    unsafe agentThread = state
    unsafe jobSlot = JobSlot()
    SpareBell.forget()
    // A child inherits no locks of memory.
    unsafe lm_atomic_store(&locksFuture, 0)
    resetAfterFork()
    forgetWhatIsNotInherited()
    if ranges.count > 0 { unsafe lm_atomic_store(&rangesToExamine, 1) }
}

/// Memory with MADV_DONTFORK is not mapped in the child.
private func forgetWhatIsNotInherited() {
    // From above: a range may leave the table meanwhile.
    for position in stride(from: ranges.count - 1, through: 0, by: -1) {
        // SAFETY: a range of the table.
        let range = unsafe ranges[position]
        if unsafe range.pointee.advice.contains(.dontFork) {
            unsafe forgetUnmapped(range.pointee.base, range.pointee.end)
        }
    }
}

/// After fork() has returned in the child: the agent's thread starts anew if there is something for it.
func afterForkInChild() {
    if unsafe lm_atomic_load(&tables.rangeCount) != 0 { wakeAgent() }
}
