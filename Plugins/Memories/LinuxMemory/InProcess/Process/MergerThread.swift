import CLinuxMemory
import Glibc
import Synchronization

/// A thread with signals blocked and a descriptor table of its own, which runs jobs between the steps of a loop.
///
/// The table of its own means that the program can close or reuse any descriptor number without ever making the thread map
/// a wrong file, and that forked children inherit none of the thread's descriptors.
final class MergerThread: Sendable {
    private struct Queue {
        var jobs: [@Sendable () -> Void] = []
        var isStopping = false
    }

    private let queue = Mutex(Queue())
    private let wakeUp = Semaphore()
    private let ended = Semaphore()

    /// What the loop does next: how long it sleeps, `nil` for not at all.
    enum Pause {
        case none
        case milliseconds(UInt32)
        case untilWoken
    }

    /// Starts the thread: `prepare` runs first, then `step` again and again until it is told to stop, then `finish`.
    /// `step` sees jobs done before it.
    func start(
        prepare: @escaping @Sendable () -> Void, step: @escaping @Sendable () -> Pause,
        finish: @escaping @Sendable () -> Void
    ) -> Bool {
        let body: @Sendable () -> Void = { [self] in
            // SAFETY: the kernel closes what it copies into this thread's own table; descriptors 0 to 2 stay.
            _ = lm_close_range(3, UInt32.max, UInt32(LM_CLOSE_RANGE_UNSHARE))
            unsafe lm_name_thread("samepage")
            prepare()
            loop(step)
            finish()
            ended.signal()
        }
        return MergerThread.spawn(body)
    }

    private func loop(_ step: () -> Pause) {
        while true {
            let (jobs, isStopping) = queue.withLock { queue in
                defer { queue.jobs.removeAll() }
                return (queue.jobs, queue.isStopping)
            }
            for job in jobs { job() }
            if isStopping { return }
            switch step() {
            case .none: break
            case .milliseconds(let time): wakeUp.wait(milliseconds: time)
            case .untilWoken: wakeUp.wait()
            }
        }
    }

    /// Runs a job on the thread, between two steps, and returns when it is done; false when the thread has stopped.
    func perform(_ job: @escaping @Sendable () -> Void) -> Bool {
        let done = Semaphore()
        let isQueued = queue.withLock { queue in
            guard !queue.isStopping else { return false }
            queue.jobs.append {
                job()
                done.signal()
            }
            return true
        }
        guard isQueued else { return false }
        wakeUp.signal()
        done.wait()
        return true
    }

    /// Lets the thread end and waits for that. Jobs queued before are done.
    func stop() {
        let isFirst = queue.withLock { queue in
            defer { queue.isStopping = true }
            return !queue.isStopping
        }
        guard isFirst else { return }
        wakeUp.signal()
        ended.wait()
    }

    private static func spawn(_ body: @escaping @Sendable () -> Void) -> Bool {
        let box = unsafe Unmanaged.passRetained(ThreadBody(body))
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
        if result != 0 {
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

/// A POSIX semaphore in memory of its own.
@safe
final class Semaphore: @unchecked Sendable {
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

    func signal() { unsafe sem_post(semaphore) }

    func wait() {
        while unsafe sem_wait(semaphore) != 0 {}
    }

    func wait(milliseconds: UInt32) {
        if milliseconds == 0 {
            _ = unsafe sem_trywait(semaphore)
            sched_yield()
            return
        }
        // A wait cut short by a signal only makes the caller look earlier.
        _ = unsafe lm_wait(semaphore, UInt64(milliseconds) * 1_000_000)
    }
}
