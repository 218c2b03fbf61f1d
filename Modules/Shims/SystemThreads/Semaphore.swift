import CLinuxMemory
import Glibc

/// A POSIX semaphore in memory of its own; it begins at 0.
@safe
package final class Semaphore: @unchecked Sendable {
    /// Ours alone; it lives as long as this object.
    private let semaphore: UnsafeMutablePointer<sem_t>

    /// Makes one.
    package init() {
        unsafe semaphore = .allocate(capacity: 1)
        // SAFETY: the memory was just allocated.
        unsafe sem_init(semaphore, 0, 0)
    }

    deinit {
        // SAFETY: the last reference is gone, so nobody waits.
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    /// Lets one wait end.
    package func signal() { unsafe sem_post(semaphore) }

    /// Waits for a signal.
    package func wait() {
        while unsafe sem_wait(semaphore) != 0 {}
    }

    /// Waits, at most so long.
    package func wait(nanoseconds: UInt64) {
        // A wait cut short by a signal only makes the caller look earlier.
        _ = unsafe lm_wait(semaphore, nanoseconds)
    }
}

/// Something that happens once and that threads wait for.
package final class Moment: Sendable {
    private let semaphore = Semaphore()

    /// Makes one that has not come.
    package init() {}

    /// It has come.
    package func signal() { semaphore.signal() }

    /// Returns when it has come, to as many callers as there are.
    package func wait() {
        semaphore.wait()
        semaphore.signal()
    }
}
