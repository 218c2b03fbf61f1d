import CLinuxMemory
import Synchronization
import SystemThreads

/// One merge domain: frames, trees and counters of its own, on a thread of its own. Anyone may ask it; its thread
/// answers between two steps.
final class Domain: Sendable {
    typealias Job = @Sendable (DomainEngine?) -> Void

    let key: DomainKey
    let scans: ScanMark
    private let queue = Mutex(Queue())
    private let wakeUp = WakeDescriptor()
    private let ended = Moment()
    private let confined = ConfinedEngine()

    private struct Queue {
        var jobs: [Job] = []
        var isStopping = false
        /// The thread takes no more jobs.
        var isClosed = false
    }

    init(key: DomainKey, fullScansBefore: UInt64) {
        self.key = key
        scans = ScanMark(before: fullScansBefore)
    }

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - priority: Of the thread.
    ///   - make: Makes the engine, on the thread.
    ///   - retire: Asked on the thread when nothing is left to do for ever: whether the domain may end. Nobody may ask
    ///     it after that.
    func start(
        priority: BackgroundThread.Priority, make: @escaping @Sendable () -> DomainEngine,
        retire: @escaping @Sendable (DomainEngine) -> Bool
    ) -> Bool {
        guard wakeUp.descriptor >= 0 else { return false }
        let error = BackgroundThread.start("samepage-\(key.user)", priority: priority) { [self] in
            confined.engine = make()
            loop(retire)
            let left = queue.withLock { queue in
                queue.isClosed = true
                defer { queue.jobs.removeAll() }
                return queue.jobs
            }
            confined.engine?.finish()
            confined.engine = nil
            for job in left { job(nil) }
            ended.signal()
        }
        return error == 0
    }

    private func loop(_ retire: (DomainEngine) -> Bool) {
        guard let engine = confined.engine else { return }
        while true {
            let (jobs, isStopping) = queue.withLock { queue in
                defer { queue.jobs.removeAll() }
                return (queue.jobs, queue.isStopping)
            }
            for job in jobs { job(engine) }
            if isStopping { return }
            if engine.turn(wakeUp: wakeUp) == .idle, retire(engine) { return }
        }
    }

    /// Whether no job waits. For whoever makes sure that none can come.
    var hasNoJobs: Bool { queue.withLock { $0.jobs.isEmpty } }

    /// Runs a job on the thread between two steps; with `nil` if the domain has ended.
    func post(_ job: @escaping Job) {
        let isQueued = queue.withLock { queue in
            if queue.isClosed { return false }
            queue.jobs.append(job)
            return true
        }
        guard isQueued else { return job(nil) }
        wakeUp.ring()
    }

    /// Asks a question that is answered later, perhaps after more steps.
    func ask<Answer: Sendable>(
        _ body: @escaping @Sendable (DomainEngine, Reply<Answer>) -> Void
    ) -> Reply<Answer> {
        let reply = Reply<Answer>()
        post { engine in
            guard let engine else { return reply.answer(nil) }
            body(engine, reply)
        }
        return reply
    }

    /// Lets the thread end when the step under way is done.
    func stop() {
        queue.withLock { $0.isStopping = true }
        wakeUp.ring()
    }

    /// Waits for the end of the thread.
    func awaitEnd() { ended.wait() }
}

/// Holds the engine; touched by the domain's thread only.
private final class ConfinedEngine: @unchecked Sendable {
    var engine: DomainEngine?
}
