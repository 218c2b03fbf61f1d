import CLinuxMemory
public import Merger
import Synchronization
import SystemThreads

/// A same-page merger for the memory of this process, on a thread of its own (a second one serves trapped writes, where
/// ``InProcessSettings/rewrittenPages`` is `trap`); no daemon, no host-wide KSM.
///
/// The thread scans by itself, as its policy says; ``mergeNow(atMost:)`` does not wait for that. All calls may come from
/// any thread; they wait for the step under way (normally well below a millisecond) and are done when they return.
///
/// Where the kernel lacks something or does not permit it, everything works but nothing is merged; ``limitation``
/// says why.
///
/// A forked child keeps the memory and its content, and nothing of it is merged any more: there a region can be read,
/// written, discarded and released, and everything else throws ``InProcessError/Code/forked``.
public final class InProcessMerger: Sendable {
    let thread = MergerThread()
    private let confined: ConfinedEngine
    private let generation: UInt64
    private let nextArea = Atomic<UInt32>(0)

    /// One line: why nothing can be merged here, and what that means; `nil` when nothing is missing.
    public let limitation: String?
    /// Bytes in a page.
    public let pageSize: Int

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - parts: The strategies.
    ///   - settings: The settings of this memory.
    /// - Throws: ``InProcessError`` when the thread cannot be started.
    public init(parts: MergerParts, settings: InProcessSettings = InProcessSettings()) throws(InProcessError) {
        guard ForkGuard.install() else {
            throw InProcessError(.outOfResources, "fork handlers cannot be installed: no memory left")
        }
        generation = ForkGuard.generation
        pageSize = lm_page_size()
        let confined = ConfinedEngine()
        self.confined = confined
        let ready = Semaphore()
        let isStarted = thread.start(
            prepare: { hasOwnDescriptors in
                let engine = Engine(parts: parts, settings: settings, hasOwnDescriptors: hasOwnDescriptors)
                confined.engine = engine
                // The first step may begin as soon as the caller goes on: it gets what it needs of the engine now.
                confined.limitation = engine.memory.limitation
                ready.signal()
            },
            step: { confined.engine?.step() ?? .untilWoken },
            finish: {
                confined.engine?.shutDown()
                confined.engine = nil
            })
        guard isStarted else {
            throw InProcessError(.outOfResources, "the merging thread cannot be started: no memory or threads left")
        }
        ready.wait()
        limitation = confined.limitation
    }

    deinit { stop() }

    /// Stops the thread, when the step under way is done. What is merged stays merged, but adopted memory is unmerged first,
    /// as far as the system has memory for it; regions can still be read, written, discarded and released.
    public func stop() {
        guard !isForked else { return }
        thread.stop()
    }

    /// Whether this process is a forked child of the one that started the merger.
    var isForked: Bool { ForkGuard.generation != generation }

    func makeAreaNumber() -> UInt32 { nextArea.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Runs something on the merging thread and waits for it.
    ///
    /// - Parameter waking: Whether the scan has something to do because of it.
    func perform<R: Sendable>(
        waking: Bool = false, _ body: @escaping @Sendable (Engine) throws(InProcessError) -> R
    ) throws(InProcessError) -> R {
        guard !isForked else {
            throw InProcessError(.forked, "this process is a forked child: the merger belongs to its parent")
        }
        let answer = Answer<R>()
        let isDone = thread.perform(waking: waking) { [confined] in
            guard let engine = confined.engine else { return }
            do throws(InProcessError) {
                answer.result = .success(try body(engine))
            } catch {
                answer.result = .failure(error)
            }
        }
        guard isDone, let result = answer.result else {
            throw InProcessError(.stopped, "the merger was stopped")
        }
        return try result.get()
    }
}

/// Holds the engine, which only the merging thread touches.
private final class ConfinedEngine: @unchecked Sendable {
    var engine: Engine?
    /// Why nothing can be merged; written before the thread says that it is ready, and never again.
    var limitation: String?
}

/// Carries an answer from the merging thread; read after the thread has signalled that it is there.
private final class Answer<R: Sendable>: @unchecked Sendable {
    var result: Result<R, InProcessError>?
}

extension InProcessMerger {
    /// The merger's counters.
    ///
    /// - Throws: ``InProcessError`` of code `stopped` or `forked`.
    public func counters() throws(InProcessError) -> Counters {
        try perform { engine throws(InProcessError) in engine.merger.counters }
    }

    /// What merging did and cost so far. Recounts map entries, which takes a while in a process that has very many.
    ///
    /// - Throws: ``InProcessError`` of code `stopped` or `forked`.
    public func statistics() throws(InProcessError) -> MemoryStatistics {
        try perform { engine throws(InProcessError) in engine.memory.currentStatistics() }
    }

    /// The names of all attributes, those of today whatever the dialect is.
    ///
    /// - Throws: ``InProcessError`` of code `stopped` or `forked`.
    public func attributes() throws(InProcessError) -> [String] {
        try perform { engine throws(InProcessError) in engine.merger.attributes(in: .linux) + [Engine.budgetAttribute] }
    }

    /// The value of an attribute, named as in /sys/kernel/mm/ksm.
    ///
    /// - Throws: ``InProcessError`` of code `badAttribute`, `stopped` or `forked`.
    public func value(of attribute: String) throws(InProcessError) -> String {
        try perform { engine throws(InProcessError) in try engine.value(of: attribute) }
    }

    /// Sets an attribute from text. `run` 2 returns when everything is unmerged.
    ///
    /// - Throws: ``InProcessError`` of code `badAttribute` (the attribute keeps its value), `stopped`, `forked`, or
    ///   `outOfResources` when `run` 2 found no memory for all pages; `run` is 0 then.
    public func set(_ attribute: String, to value: String) throws(InProcessError) {
        try perform(waking: true) { engine throws(InProcessError) in try engine.set(attribute, to: value) }
    }

    /// Scans without sleeping until there is nothing left to merge: until a full scan merges nothing, at least two
    /// and at most so many. Does nothing unless `run` is 1.
    ///
    /// - Returns: The counters afterwards.
    /// - Throws: ``InProcessError`` of code `stopped` or `forked`.
    @discardableResult
    public func mergeNow(atMost scans: UInt64 = 8) throws(InProcessError) -> Counters {
        try hurry(Hurry(scansLeft: max(2, scans), endsWhenQuiet: true))
    }

    /// Finishes the full scan under way, then does so many more without sleeping. Does nothing unless `run` is 1.
    ///
    /// - Returns: The counters afterwards.
    /// - Throws: ``InProcessError`` of code `stopped` or `forked`.
    @discardableResult
    public func scan(fullScans: UInt64 = 1) throws(InProcessError) -> Counters {
        try hurry(Hurry(scansLeft: max(1, fullScans), endsWhenQuiet: false))
    }

    private func hurry(_ hurry: Hurry) throws(InProcessError) -> Counters {
        try perform(waking: true) { engine throws(InProcessError) in engine.add(hurry) }
        hurry.done.wait()
        return try counters()
    }
}
