internal import CLinuxMemory

/// Tells the daemon that there is something to hear although the program may have written nothing: by one page fault, which
/// the kernel counts for the process. The daemon looks at that count, and asks nothing while it stays the same.
enum NewsSign {
    /// 1 when a fault was made since the last observation.
    nonisolated(unsafe) private static var isGiven: UInt32 = 0

    /// There is news. The lock is held.
    static func give() {
        guard unsafe lm_atomic_exchange(&isGiven, 1) == 0 else { return }
        // Before there are buffers nobody observes anything.
        guard agentMemory.reached(.buffers) >= AgentBuffers.size else { return }
        let page = agentMemory.address(of: .buffers) + UInt(AgentBuffers.signPage)
        _ = lm_madvise(page, 4096, Int32(LM_MADV_DONTNEED_LOCKED))
        // SAFETY: a page of the agent's own, in which nothing is kept.
        unsafe UnsafeMutablePointer<UInt8>(bitPattern: page).unsafelyUnwrapped.pointee = 1
    }

    /// An observation begins: what happens from now on needs a sign of its own.
    static func takeBack() { unsafe lm_atomic_store(&isGiven, 0) }
}
