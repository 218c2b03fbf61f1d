import Synchronization
import SystemThreads

/// The answer of a domain's thread to one question, waited for by whoever asked.
final class Reply<Answer: Sendable>: Sendable {
    private let value = Mutex<Answer?>(nil)
    private let moment = Moment()

    /// Answers; `nil` means that the domain has ended.
    func answer(_ answer: Answer?) {
        value.withLock { $0 = answer }
        moment.signal()
    }

    /// Waits for the answer; `nil` when the domain has ended.
    func wait() -> Answer? {
        moment.wait()
        return value.withLock { $0 }
    }
}
