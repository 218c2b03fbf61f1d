internal import CLinuxMemory

/// The agent's one lock: held around every change of what is mapped, around fork, and around every step in which the
/// agent's thread needs things to stay as they are.
///
/// - The holder never waits for the agent's thread, and takes no other lock.
/// - A thread of the program takes no signals while it holds the lock, but the one by which glibc changes user ids.
/// - The agent's thread lets waiting threads go first: its steps follow one another without a pause.
enum AgentLock {
    /// 0: free, 1: held, 2: held and someone waits.
    nonisolated(unsafe) private static var word: UInt32 = 0
    /// The holder's thread pointer.
    nonisolated(unsafe) private static var owner: UInt = 0
    /// Threads of the program that wait.
    nonisolated(unsafe) private static var waiting: UInt32 = 0
    /// The holder's signals, to be let through again.
    nonisolated(unsafe) private static var savedMask: UInt64 = 0

    /// Threads of the program between the first and the last system call that the lock costs them.
    nonisolated(unsafe) private static var users: UInt32 = 0
    /// Stands for a mask that was not changed: the kernel's own never has the bit of SIGKILL.
    private static var unchanged: UInt64 { UInt64.max }

    /// How many calls of another preloaded library the holder is in.
    nonisolated(unsafe) private static var away: UInt32 = 0

    /// Makes a call of another preloaded library, which may take locks of its own. Whoever holds those and waits for this
    /// one gives up after two seconds: see acquire().
    static func away<Result>(_ call: () -> Result) -> Result {
        guard unsafe lm_atomic_load_wide(&owner) == UInt(lm_this_thread()) else { return call() }
        _ = unsafe lm_atomic_add(&away, 1)
        defer { _ = unsafe lm_atomic_add(&away, UInt32.max) }
        return call()
    }

    /// All signals but the one that setuid() needs.
    static var blockedSignals: UInt64 { ~(1 << UInt64(LM_SETXID_SIGNAL - 1)) }

    /// Takes the lock; `false` if the calling thread holds it already, or the holder has been in another library's call for
    /// long, waiting for the caller perhaps: then do as the plain kernel would, and do not release.
    static func acquire() -> Bool {
        let me = UInt(lm_this_thread())
        if unsafe lm_atomic_load_wide(&owner) == me { return false }
        let isAgent = unsafe me == agentThread.pointer
        var mask: UInt64 = 0
        if isAgent {
            letOthersGoFirst()
        } else {
            enter()
            mask = isAgentOff ? unchanged : lm_set_signal_mask(blockedSignals)
        }
        if unsafe lm_atomic_replace(&word, 0, 1) == 0, !wait(isAgent) {
            if mask != unchanged { _ = lm_set_signal_mask(mask) }
            leave()
            return false
        }
        unsafe lm_atomic_store_wide(&owner, me)
        unsafe savedMask = mask
        return true
    }

    /// Takes the lock for the thread that serves trapped writes; `false` where it is not to be had soon, as its holder may be
    /// waiting for that thread.
    static func acquireForTrap() -> Bool {
        enter()
        var has = unsafe lm_atomic_replace(&word, 0, 1) != 0
        if !has {
            _ = unsafe lm_atomic_add(&waiting, 1)
            has = waitForTrap()
            _ = unsafe lm_atomic_add(&waiting, UInt32.max)
        }
        guard has else {
            leave()
            return false
        }
        unsafe lm_atomic_store_wide(&owner, UInt(lm_this_thread()))
        unsafe savedMask = unchanged
        return true
    }

    private static func waitForTrap() -> Bool {
        let start = now()
        while true {
            if unsafe lm_atomic_exchange(&word, 2) == 0 { return true }
            // The agent's thread says when it writes to memory of the program; others may write to any, at any time.
            let holder = unsafe lm_atomic_load_wide(&owner)
            let isAgent = unsafe holder != 0 && holder == agentThread.pointer
            let patience: UInt64 = isAgent || holder == 0 ? 20_000_000 : 1_000_000
            if unsafe lm_atomic_load(&holderWrites) != 0 || now() &- start >= patience { return false }
            _ = unsafe lm_futex_wait(&word, 2, 200_000)
        }
    }

    /// 1 while the holder writes to memory of the program, where it may meet a trap.
    nonisolated(unsafe) private static var holderWrites: UInt32 = 0

    /// Writes to memory of the program, the lock being held.
    static func writing<Result>(_ body: () -> Result) -> Result {
        unsafe lm_atomic_store(&holderWrites, 1)
        defer { unsafe lm_atomic_store(&holderWrites, 0) }
        return body()
    }

    /// Gives the lock back.
    static func release() {
        let mask = unsafe savedMask
        let isAgent = unsafe UInt(lm_this_thread()) == agentThread.pointer
        unsafe lm_atomic_store_wide(&owner, 0)
        if unsafe lm_atomic_exchange(&word, 0) == 2 { _ = unsafe lm_futex_wake(&word, 1) }
        guard !isAgent else { return }
        if mask != unchanged { _ = lm_set_signal_mask(mask) }
        leave()
    }

    /// A thread of the program begins what may cost it system calls of ours.
    static func enter() { _ = unsafe lm_atomic_add(&users, 1) }

    /// It has made the last of them.
    static func leave() { _ = unsafe lm_atomic_add(&users, UInt32.max) }

    /// Waits, a second at most, until no other thread will make a system call of ours, the agent being off.
    static func awaitOthers() {
        let end = now() + 1_000_000_000
        while unsafe lm_atomic_load(&users) != 0, now() < end { lm_yield() }
    }

    /// In a forked child: the lock is held by its only thread, whatever thread pointer that was given.
    static func takeOver() { unsafe lm_atomic_store_wide(&owner, UInt(lm_this_thread())) }

    /// In a forked child, whose only thread holds the lock: nobody else waits or holds it.
    static func releaseInChild() {
        unsafe lm_atomic_store(&waiting, 0)
        unsafe lm_atomic_store(&away, 0)
        unsafe lm_atomic_store(&holderWrites, 0)
        unsafe lm_atomic_store(&users, 1)
        unsafe lm_atomic_store(&word, 1)
        release()
    }

    /// `false`: gave up.
    private static func wait(_ isAgent: Bool) -> Bool {
        var tries = 0
        var isTaken = true
        if !isAgent { _ = unsafe lm_atomic_add(&waiting, 1) }
        while true {
            // A filter may have come: the lock is held for short, and nobody sleeps.
            if isAgentOff {
                if unsafe lm_atomic_replace(&word, 0, 1) != 0 { break }
                lm_pause()
                continue
            }
            if unsafe lm_atomic_exchange(&word, 2) == 0 { break }
            let result = unsafe lm_futex_wait(&word, 2, 100_000_000)
            // Whoever held it at a fork that nobody told us of is not in this process.
            if result == -Int32(LM_ETIMEDOUT),
                unsafe ForkSign.isMissing || lm_atomic_load_wide(&owner) == agentThread.pointer && hasAgentDied
            {
                unsafe lm_atomic_store(&waiting, isAgent ? 0 : 1)
                break
            }
            if unsafe isAgent || lm_atomic_load(&away) == 0 {
                tries = 0
            } else if result == -Int32(LM_ETIMEDOUT) {
                tries += 1
            }
            if tries >= 20 {
                isTaken = false
                break
            }
        }
        if !isAgent { _ = unsafe lm_atomic_add(&waiting, UInt32.max) }
        return isTaken
    }

    /// Gives threads that wait the chance to take the lock, for a while.
    private static func letOthersGoFirst() {
        var tries = 0
        while tries < 200, unsafe lm_atomic_load(&waiting) != 0 {
            lm_yield()
            tries += 1
        }
    }
}
