import CLinuxMemory
import Glibc

/// Threads of the daemon: with a name, all signals blocked, and at background priority if asked to.
enum BackgroundThread {
    /// How much a thread gets of a busy processor.
    struct Priority: Sendable, Hashable {
        /// The nice value; `nil` to leave it.
        var nice: Int32?
        /// Whether it runs only when nothing else wants to.
        var isIdle = false
    }

    /// Starts a thread; false when there is no memory or no thread left.
    ///
    /// - Parameters:
    ///   - name: At most 15 bytes are shown.
    ///   - priority: Its priority; a system that refuses it leaves the thread as it is.
    ///   - body: What it does.
    static func start(
        _ name: String, priority: Priority = Priority(), _ body: @escaping @Sendable () -> Void
    ) -> Bool {
        let task = ThreadBody {
            unsafe name.withCString { unsafe lm_name_thread($0) }
            if let nice = priority.nice { _ = lm_set_nice(nice) }
            if priority.isIdle { _ = lm_set_idle_schedule() }
            body()
        }
        let box = unsafe Unmanaged.passRetained(task)
        var every = sigset_t()
        var before = sigset_t()
        var thread = pthread_t()
        // SAFETY: the body is retained for the thread, which releases it; signal masks are local.
        unsafe sigfillset(&every)
        unsafe pthread_sigmask(SIG_SETMASK, &every, &before)
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                // SAFETY: the argument is the retained body passed to pthread_create below.
                let body = unsafe Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue()
                body.run()
                return nil
            }, box.toOpaque())
        unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
        guard result == 0 else {
            unsafe box.release()
            return false
        }
        pthread_detach(thread)
        return true
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Something that happens once and that threads wait for: a POSIX semaphore in memory of its own.
@safe
final class Moment: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        unsafe semaphore = .allocate(capacity: 1)
        // SAFETY: the memory was just allocated.
        unsafe sem_init(semaphore, 0, 0)
    }

    deinit {
        // SAFETY: the last reference is gone, so nobody waits.
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    /// It has come.
    func signal() { unsafe sem_post(semaphore) }

    /// Returns when it has come, to as many callers as there are.
    func wait() {
        while unsafe sem_wait(semaphore) != 0 {}
        signal()
    }
}

/// A descriptor that wakes a thread out of its poll (eventfd).
final class WakeDescriptor: Sendable {
    /// The descriptor, or minus the error number.
    let descriptor = lm_eventfd()

    deinit { if descriptor >= 0 { _ = lm_close(descriptor) } }

    /// Makes the descriptor readable.
    func ring() {
        var one: UInt64 = 1
        // SAFETY: eight bytes of a local variable. A counter that is full is readable already.
        _ = unsafe lm_write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Makes it unreadable again.
    func clear() {
        var count: UInt64 = 0
        // SAFETY: as above.
        _ = unsafe lm_read(descriptor, &count, MemoryLayout<UInt64>.size)
    }
}
