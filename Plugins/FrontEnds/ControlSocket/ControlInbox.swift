import CLinuxMemory
import Glibc
import Synchronization

/// What other threads have for the thread of a server, and a bell that wakes it.
final class ControlInbox: Sendable {
    private struct Content {
        var answers: [UInt64: String] = [:]
        var isStopped = false
    }

    /// Readable when there is something.
    let bell: Int32
    private let content = Mutex(Content())

    /// - Throws: ``ControlError`` when no descriptors are left.
    init() throws(ControlError) {
        bell = lm_eventfd()
        guard bell >= 0 else { throw .system("eventfd", -bell) }
    }

    deinit { close(bell) }

    /// The answer for a connection.
    func put(_ answer: String, for number: UInt64) {
        content.withLock { $0.answers[number] = answer }
        ring()
    }

    /// The server is to end.
    func stop() {
        content.withLock { $0.isStopped = true }
        ring()
    }

    /// Everything that came since the last call.
    func take() -> (answers: [UInt64: String], isStopped: Bool) {
        var count: UInt64 = 0
        // SAFETY: the number outlives the call. Without a ring there is nothing to read.
        _ = unsafe read(bell, &count, MemoryLayout<UInt64>.size)
        return content.withLock { content in
            defer { content.answers = [:] }
            return (content.answers, content.isStopped)
        }
    }

    private func ring() {
        var one: UInt64 = 1
        // SAFETY: the number outlives the call.
        _ = unsafe write(bell, &one, MemoryLayout<UInt64>.size)
    }
}
