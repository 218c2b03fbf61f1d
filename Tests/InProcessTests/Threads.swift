import Glibc
import InProcess

/// Runs something on a thread of its own while the caller does something else; waits for both.
func withThread(
    _ other: @escaping @Sendable () -> InProcessError?, while body: () throws -> Void
) throws {
    final class Box {
        let run: @Sendable () -> InProcessError?
        var error: InProcessError?
        init(_ run: @escaping @Sendable () -> InProcessError?) { self.run = run }
    }
    let box = Box(other)
    var thread = pthread_t()
    // SAFETY: the box lives until the thread was joined.
    let started = unsafe pthread_create(
        &thread, nil,
        { argument in
            let box = unsafe Unmanaged<Box>.fromOpaque(argument!).takeUnretainedValue()
            box.error = box.run()
            return nil
        }, Unmanaged.passUnretained(box).toOpaque())
    precondition(started == 0)
    defer { pthread_join(thread, nil) }
    try body()
    if let error = box.error { throw error }
}
