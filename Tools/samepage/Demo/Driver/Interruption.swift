import CLinuxMemory
import Glibc
import Synchronization

/// Signals that end the demo, taken so that it can end its processes and remove its files first. One at a time; whoever
/// sends a signal twice means it.
final class Interruption {
    private static let signals = [SIGINT, SIGTERM, SIGHUP]
    /// Where the handler tells of a signal.
    private static let told = Atomic<Int32>(-1)

    /// Can be read when a signal has come.
    let descriptor: Int32
    private var before: [(signal: Int32, action: sigaction)] = []

    /// Takes the signals that are not ignored.
    init() throws(CommandFailure) {
        descriptor = lm_eventfd()
        guard descriptor >= 0 else { throw CommandFailure("no eventfd: \(SystemError.text(-descriptor))") }
        Interruption.told.store(descriptor, ordering: .sequentiallyConsistent)
        for signal in Interruption.signals {
            var action = sigaction()
            // SAFETY: the actions outlive the calls, and the handler does nothing but a system call.
            guard unsafe sigaction(signal, nil, &action) == 0 else { continue }
            let handler = unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            guard handler != Interruption.ignored else { continue }
            before.append((signal, action))
            action = sigaction()
            action.sa_flags = SA_RESTART | Int32(bitPattern: UInt32(SA_RESETHAND))
            unsafe action.__sigaction_handler.sa_handler = { _ in
                var one: UInt64 = 1
                // SAFETY: the number outlives the call.
                _ = unsafe lm_write(Interruption.told.load(ordering: .relaxed), &one, 8)
            }
            unsafe sigaction(signal, &action, nil)
        }
    }

    /// SIG_IGN.
    private static let ignored = 1

    /// Leaves the signals to whoever had them before.
    func end() {
        for (signal, action) in before {
            var action = action
            // SAFETY: the action outlives the call.
            unsafe sigaction(signal, &action, nil)
        }
        Interruption.told.store(-1, ordering: .sequentiallyConsistent)
        close(descriptor)
    }
}
