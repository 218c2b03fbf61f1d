import Wire

/// Memory for one message out and one in, shared by the connections of a thread: a message is dealt with before the
/// next one is received, on whatever connection.
@safe
package final class MessageRoom {
    private let memory: UnsafeMutableRawPointer
    var outgoing: WireBuffer
    var incoming: WireBuffer

    /// Allocates it.
    package init() {
        // SAFETY: one block, used as two halves until deinit frees it.
        unsafe memory = .allocate(byteCount: 2 * WireLimit.message, alignment: 64)
        outgoing = unsafe WireBuffer(bytes: memory, capacity: WireLimit.message)
        incoming = unsafe WireBuffer(bytes: memory + WireLimit.message, capacity: WireLimit.message)
    }

    deinit {
        // SAFETY: allocated by init.
        unsafe memory.deallocate()
    }
}
