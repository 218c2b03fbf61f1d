import CLinuxMemory
import Glibc
import Synchronization
import SystemThreads

/// A thread with signals blocked and a descriptor table of its own, which runs jobs between the steps of a loop.
///
/// The table of its own means that the program can close or reuse any descriptor number without ever making the thread map
/// a wrong file, and that forked children inherit none of the thread's descriptors.
final class MergerThread: Sendable {
    private struct Queue {
        var jobs: [@Sendable () -> Void] = []
        var isWoken = false
        var isStopping = false
    }

    private let queue = Mutex(Queue())
    private let wakeUp = Semaphore()
    private let ended = Moment()

    /// What the loop does next: how long it sleeps, if at all.
    enum Pause {
        case none
        case milliseconds(UInt32)
        case untilWoken
    }

    /// Starts the thread: `prepare` runs first, then `step` again and again until it is told to stop, then `finish`.
    ///
    /// - Parameter prepare: Is told whether the thread has a descriptor table of its own.
    func start(
        prepare: @escaping @Sendable (Bool) -> Void, step: @escaping @Sendable () -> Pause,
        finish: @escaping @Sendable () -> Void
    ) -> Bool {
        let error = BackgroundThread.start("samepage") { [self] in
            prepare(MergerThread.takeDescriptorTable())
            loop(step)
            finish()
            ended.signal()
        }
        return error == 0
    }

    /// Gives the calling thread an empty descriptor table of its own. Descriptors 0 to 2 lead nowhere in it, so that none of
    /// the thread's files gets their numbers, and no pipe of the program stays open because of the thread.
    private static func takeDescriptorTable() -> Bool {
        guard lm_close_range(0, UInt32.max, UInt32(LM_CLOSE_RANGE_UNSHARE)) == 0 else { return false }
        // SAFETY: a literal, terminated by zero. The first three free numbers are 0, 1 and 2.
        for _ in 0..<3 { _ = unsafe lm_open("/dev/null", Int32(LM_O_RDWR)) }
        return true
    }

    private func loop(_ step: () -> Pause) {
        var pause = Pause.none
        var deadline: UInt64 = 0
        while true {
            let (jobs, isWoken, isStopping) = queue.withLock { queue in
                defer {
                    queue.jobs.removeAll()
                    queue.isWoken = false
                }
                return (queue.jobs, queue.isWoken, queue.isStopping)
            }
            for job in jobs { job() }
            if isStopping { return }
            // A job that changes nothing for the scan does not cut its sleep short.
            if !isWoken {
                switch pause {
                case .none: break
                case .milliseconds:
                    let now = lm_monotonic_nanoseconds()
                    if now < deadline {
                        wakeUp.wait(nanoseconds: deadline - now)
                        continue
                    }
                case .untilWoken:
                    wakeUp.wait()
                    continue
                }
            }
            pause = step()
            if case .milliseconds(let time) = pause {
                deadline = lm_monotonic_nanoseconds() + UInt64(time) * 1_000_000
                if time == 0 { sched_yield() }
            }
        }
    }

    /// Runs a job on the thread, between two steps, and returns when it is done; false when the thread has ended.
    ///
    /// - Parameter waking: Whether the scan has something to do because of the job.
    func perform(waking: Bool, _ job: @escaping @Sendable () -> Void) -> Bool {
        let done = Semaphore()
        let isQueued = queue.withLock { queue in
            guard !queue.isStopping else { return false }
            queue.jobs.append {
                job()
                done.signal()
            }
            if waking { queue.isWoken = true }
            return true
        }
        guard isQueued else {
            ended.wait()
            return false
        }
        wakeUp.signal()
        done.wait()
        return true
    }

    /// Lets the thread end and waits for that. Jobs queued before are done.
    func stop() {
        queue.withLock { $0.isStopping = true }
        wakeUp.signal()
        ended.wait()
    }
}
