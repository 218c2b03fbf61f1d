import Glibc
import Synchronization

/// Keeps fork() out while a merge is in flight, and tells a forked child that it is one.
///
/// A fork in the middle of a merge would give the child the hole that a moved page leaves. The merging thread
/// therefore holds one process-wide lock during each merge, and fork() takes it first (`pthread_atfork`). vfork
/// and posix_spawn share the memory and need no lock. A raw fork or clone system call does not pass here: a limit.
enum ForkGuard {
    /// Counts the forks between the first process and this one.
    private static let generationCounter = Atomic<UInt64>(0)
    /// Counts the forks of this process.
    private static let forkCounter = Atomic<UInt64>(0)
    private static let lock = ForkLock()
    private static let installed: Bool = {
        // SAFETY: the handlers only touch the lock and the counter, which are async-signal-safe here: the child
        // runs in the thread that took the lock.
        pthread_atfork(
            { ForkGuard.lock.acquire() },
            {
                ForkGuard.forkCounter.wrappingAdd(1, ordering: .relaxed)
                ForkGuard.lock.release()
            },
            {
                ForkGuard.generationCounter.wrappingAdd(1, ordering: .relaxed)
                ForkGuard.lock.release()
            }) == 0
    }()

    /// Differs between a process and its forked child.
    static var generation: UInt64 { generationCounter.load(ordering: .relaxed) }

    /// How often this process has forked.
    static var forks: UInt64 { forkCounter.load(ordering: .relaxed) }

    /// Installs the handlers, once.
    static func install() -> Bool {
        // Made here: not by a fork.
        _ = lock
        return installed
    }

    /// Runs something that no fork may see half done; `nil`, without running it, while a fork is under way.
    ///
    /// It never waits for the fork: the forking thread may be waiting for a lock whose holder waits for this thread.
    ///
    /// - Parameter attempts: How often it tries, a millisecond apart.
    static func holdingOffForks<R>(attempts: Int, _ body: () -> R) -> R? {
        for attempt in 1...attempts {
            if lock.tryAcquire() {
                defer { lock.release() }
                return body()
            }
            if attempt < attempts { usleep(1000) }
        }
        return nil
    }
}

/// A pthread mutex in memory of its own.
@safe
private final class ForkLock: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    init() {
        unsafe mutex = .allocate(capacity: 1)
        // SAFETY: the memory was just allocated and is never freed: the lock lives as long as the process.
        unsafe pthread_mutex_init(mutex, nil)
    }

    func tryAcquire() -> Bool { unsafe pthread_mutex_trylock(mutex) == 0 }

    func acquire() { unsafe pthread_mutex_lock(mutex) }

    func release() { unsafe pthread_mutex_unlock(mutex) }
}
