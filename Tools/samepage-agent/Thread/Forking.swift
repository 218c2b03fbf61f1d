internal import CLinuxMemory

/// Whether the handler that runs before a fork took the lock.
nonisolated(unsafe) private var forkTookLock = false

/// Has libc's fork hold the lock. Registered before all others, so that it is taken last, when nobody takes allocators'
/// locks any more, and given back first.
func watchForks() {
    // SAFETY: the handlers are functions of this library, which is never unloaded.
    _ = __register_atfork(
        {
            let isMine = enterCall()
            unsafe forkTookLock = isMine
        },
        { if unsafe forkTookLock { AgentLock.release() } },
        {
            becomeForkedChild(mayStartThread: true)
            AgentLock.releaseInChild()
        }, nil)
}

/// In a forked child, in its only thread, with the lock held: there is no agent's thread here, nobody waits for it,
/// and the kernel tracks nothing. What lies over frames still does. Only memory is written.
func becomeForkedChild(mayStartThread: Bool) {
    ForkSign.set()
    var state = AgentThreadState()
    state.process = UInt32(bitPattern: lm_process_id())
    state.mallocKind = unsafe agentThread.mallocKind
    // Where libc's locks were not put in order no thread can be started: also not by children of this one.
    state.isForbidden = unsafe mayStartThread ? agentThread.isForbidden : 1
    unsafe agentThread = state
    unsafe jobSlot = JobSlot()
    resetAfterFork()
    if ranges.count > 0 { unsafe lm_atomic_store(&rangesToExamine, 1) }
}

/// After fork() has returned in the child: the agent's thread starts anew if there is something for it.
func afterForkInChild() {
    if unsafe lm_atomic_load(&tables.rangeCount) != 0 { wakeAgent() }
}
