import CLinuxMemory

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
