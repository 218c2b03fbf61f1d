import CLinuxMemory
import Glibc

/// Threads beside those of the program and of its tasks: detached, with a name, all signals blocked, and at background
/// priority if asked to.
package enum BackgroundThread {
    /// How much a thread gets of a busy processor.
    package struct Priority: Sendable, Hashable {
        /// The nice value; `nil` to leave it.
        package var nice: Int32?
        /// Whether it runs only when nothing else wants to.
        package var isIdle: Bool

        /// Takes a priority; without arguments, that of the thread that starts it.
        package init(nice: Int32? = nil, isIdle: Bool = false) {
            self.nice = nice
            self.isIdle = isIdle
        }
    }

    /// Starts a thread: 0, or an error number when there is no memory or no thread left.
    ///
    /// - Parameters:
    ///   - name: At most 15 bytes are shown.
    ///   - priority: Its priority; a system that refuses it leaves the thread as it is.
    ///   - body: What it does.
    package static func start(
        _ name: String, priority: Priority = Priority(), _ body: @escaping @Sendable () -> Void
    ) -> Int32 {
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
        let error = unsafe pthread_create(
            &thread, nil,
            { argument in
                // SAFETY: the argument is the retained body passed to pthread_create below.
                let body = unsafe Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue()
                body.run()
                return nil
            }, box.toOpaque())
        unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
        if error == 0 { pthread_detach(thread) } else { unsafe box.release() }
        return error
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
