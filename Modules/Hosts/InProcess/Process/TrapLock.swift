import CLinuxMemory

/// The lock between the merging thread and the one that serves trapped writes, held around whatever changes mappings.
///
/// The serving thread waits for milliseconds only, because the holder may be waiting for somebody who waits for a page. The
/// merging thread lets it go first: its steps follow one another without a pause.
@safe
final class TrapLock: @unchecked Sendable {
    private struct Words {
        /// 0: free, 1: held, 2: held, and someone waits.
        var lock: UInt32 = 0
        /// 1 while the serving thread waits.
        var serverWaits: UInt32 = 0
        /// 1 while the holder writes to memory of the program, where it may meet a trap.
        var holderWrites: UInt32 = 0
    }

    private let words: UnsafeMutablePointer<Words>
    /// How often the merging thread has taken it.
    private var depth = 0

    /// Nanoseconds that the serving thread waits at most.
    private static let patience: UInt64 = 20_000_000
    /// The same while the holder writes to memory of the program.
    private static let patienceWithWriter: UInt64 = 200_000

    init() {
        unsafe words = .allocate(capacity: 1)
        // SAFETY: the memory was just allocated.
        unsafe words.initialize(to: Words())
    }

    // SAFETY: both threads hold the lock while they use it.
    deinit { unsafe words.deallocate() }

    /// Runs something while no write is served: on the merging thread, which may have the lock already.
    func holding<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        acquire()
        defer { release() }
        return try body()
    }

    /// Writes to memory of the program, the lock being held.
    func writing<R>(_ body: () -> R) -> R {
        unsafe lm_atomic_store(&words.pointee.holderWrites, 1)
        defer { unsafe lm_atomic_store(&words.pointee.holderWrites, 0) }
        return body()
    }

    private func acquire() {
        depth += 1
        guard depth == 1 else { return }
        var tries = 0
        while tries < 200, unsafe lm_atomic_load(&words.pointee.serverWaits) != 0 {
            lm_yield()
            tries += 1
        }
        guard unsafe lm_atomic_replace(&words.pointee.lock, 0, 1) == 0 else { return }
        while unsafe lm_atomic_exchange(&words.pointee.lock, 2) != 0 {
            _ = unsafe lm_futex_wait(&words.pointee.lock, 2, -1)
        }
    }

    private func release() {
        depth -= 1
        if depth == 0 { free() }
    }

    private func free() {
        if unsafe lm_atomic_exchange(&words.pointee.lock, 0) == 2 {
            _ = unsafe lm_futex_wake(&words.pointee.lock, 1)
        }
    }

    /// Runs something on the serving thread; `false`, without running it, where the lock is not to be had soon.
    func serving(_ body: () -> Void) -> Bool {
        guard acquireToServe() else { return false }
        body()
        free()
        return true
    }

    private func acquireToServe() -> Bool {
        if unsafe lm_atomic_replace(&words.pointee.lock, 0, 1) != 0 { return true }
        unsafe lm_atomic_store(&words.pointee.serverWaits, 1)
        defer { unsafe lm_atomic_store(&words.pointee.serverWaits, 0) }
        let start = lm_monotonic_nanoseconds()
        while unsafe lm_atomic_exchange(&words.pointee.lock, 2) != 0 {
            let holderWrites = unsafe lm_atomic_load(&words.pointee.holderWrites) != 0
            let patience = holderWrites ? Self.patienceWithWriter : Self.patience
            if lm_monotonic_nanoseconds() - start >= patience { return false }
            _ = unsafe lm_futex_wait(&words.pointee.lock, 2, 200_000)
        }
        return true
    }
}
