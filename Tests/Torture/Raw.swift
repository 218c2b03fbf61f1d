import CLinuxMemory
import CTortureWriters
import Glibc
import Synchronization

/// Memory by address: the torture's memory is a number to everyone but the reads and stores here.
enum Raw {
    /// Bytes of a page, and its words.
    static let page = 4096
    static let words = page / 8

    /// Loads a word.
    static func load(_ address: UInt) -> UInt64 {
        // SAFETY: addresses are words of mappings that outlive the actors.
        unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: address)!.pointee.load(ordering: .acquiring)
    }

    /// Stores a word.
    static func store(_ value: UInt64, _ address: UInt) {
        // SAFETY: as above.
        unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: address)!.pointee.store(value, ordering: .releasing)
    }

    /// A fresh mapping; shared with children if asked.
    static func map(_ size: Int, shared: Bool = false) -> UInt {
        let sharing = shared ? LM_MAP_SHARED : LM_MAP_PRIVATE
        let address = lm_mmap(
            0, size, Int32(LM_PROT_READ | LM_PROT_WRITE), Int32(sharing | LM_MAP_ANONYMOUS), -1, 0)
        precondition(lm_is_error(address) == 0, "no memory for the torture itself")
        return UInt(bitPattern: address)
    }

    static func unmap(_ address: UInt, _ size: Int) { _ = lm_munmap(address, size) }

    static var now: UInt64 { lm_monotonic_nanoseconds() }

    /// Busy for so many nanoseconds.
    static func spin(_ nanoseconds: Int) {
        let end = now + UInt64(nanoseconds)
        while now < end {}
    }

    static func sleep(microseconds: Int) { usleep(UInt32(microseconds)) }
}

/// A thread; wait for its end with ``join()``.
final class Worker: Sendable {
    private let thread: pthread_t

    init(_ body: @escaping @Sendable () -> Void) {
        let box = unsafe Unmanaged.passRetained(Body(body))
        var thread = pthread_t()
        // SAFETY: the body is retained for the thread, which releases it.
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                let body = unsafe Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue()
                body.run()
                return nil
            }, box.toOpaque())
        precondition(result == 0, "no thread for the torture")
        self.thread = thread
    }

    func join() { pthread_join(thread, nil) }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
