import Glibc

/// A thread for work that waits in system calls, which tasks must not do.
enum ControlThread {
    /// Runs something on a thread of its own, with signals blocked, and returns when it is done.
    static func run(_ body: @escaping @Sendable () -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let error = spawn {
                body()
                continuation.resume()
            }
            if error != 0 { continuation.resume(throwing: ControlError.system("pthread_create", error)) }
        }
    }

    /// Starts something on a thread of its own, with signals blocked: 0, or the error number.
    static func spawn(_ body: @escaping @Sendable () -> Void) -> Int32 {
        let box = unsafe Unmanaged.passRetained(Body(body))
        var every = sigset_t()
        var before = sigset_t()
        var thread = pthread_t()
        // SAFETY: the body is retained for the thread, which releases it; signal masks are local.
        unsafe sigfillset(&every)
        unsafe pthread_sigmask(SIG_SETMASK, &every, &before)
        let error = unsafe pthread_create(
            &thread, nil,
            { argument in
                // SAFETY: the argument is the retained body passed below.
                unsafe Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, box.toOpaque())
        unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
        if error == 0 { pthread_detach(thread) } else { unsafe box.release() }
        return error
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
