import SystemThreads

/// A thread for work that waits in system calls, which tasks must not do.
enum ControlThread {
    /// Runs something on a thread of its own and returns when it is done.
    static func run(_ body: @escaping @Sendable () -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let error = start {
                body()
                continuation.resume()
            }
            if error != 0 { continuation.resume(throwing: ControlError.system("pthread_create", error)) }
        }
    }

    /// Starts something on a thread of its own: 0, or the error number.
    static func start(_ body: @escaping @Sendable () -> Void) -> Int32 { BackgroundThread.start("control", body) }
}
