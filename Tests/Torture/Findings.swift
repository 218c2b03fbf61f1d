import Synchronization

/// What went wrong, and how often everything was done; shared by all actors.
final class Findings: Sendable {
    private let state = Mutex(State())
    private let bad = Atomic<Int>(0)

    struct State {
        var lost = 0
        var wrong = 0
        var errors = 0
        var notes: [String] = []
        var operations: [String: Int] = [:]
    }

    /// Whether anything went wrong: the run ends then.
    var isBad: Bool { bad.load(ordering: .relaxed) != 0 }

    var all: State { state.withLock { $0 } }

    /// A write that its writer does not find any more.
    func lost(_ note: String) { add(note) { $0.lost += 1 } }

    /// A word that nobody wrote there, or not any more.
    func wrong(_ note: String) { add(note) { $0.wrong += 1 } }

    /// Something else that must not happen.
    func failed(_ note: String) { add(note) { $0.errors += 1 } }

    /// Runs a call of the API that should not throw.
    func expect<R>(_ what: String, _ body: () throws -> R) -> R? {
        do {
            return try body()
        } catch {
            failed("\(what): \(error)")
            return nil
        }
    }

    func count(_ operation: String, _ times: Int = 1) {
        guard times > 0 else { return }
        state.withLock { $0.operations[operation, default: 0] += times }
    }

    private func add(_ note: String, _ change: (inout State) -> Void) {
        bad.store(1, ordering: .relaxed)
        state.withLock { state in
            change(&state)
            if state.notes.count < 20 { state.notes.append(note) }
        }
    }
}
