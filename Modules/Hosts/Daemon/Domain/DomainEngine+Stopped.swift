import CLinuxMemory
import Merger
import PageMemory

/// Programs that are stopped or do not answer, and pages that only their program knows.
extension DomainEngine {
    /// Hears of programs that go on after they were stopped, or answer at last.
    func unpark() {
        for client in clients where client.connection.isParked {
            guard client.connection.unparkIfRunning() else { continue }
            client.connection.send(settings)
            wakeSoon()
        }
        unshareLate()
    }

    /// When to look at programs that are left alone though nobody has said anything: those that are stopped and owe no answer
    /// do not tell when they go on, and others may keep silent for ever.
    func nextLookAtParked(after now: UInt64) -> UInt64? {
        var first: UInt64?
        for client in clients where client.connection.isParked {
            let time = client.connection.endOfSilence ?? now + 250_000_000
            first = min(first ?? time, time)
        }
        return first
    }

    /// Gives back pages of programs that came, or went on, after `run` had become 2.
    func unshareLate() {
        guard merger.run == .unmerge, !merger.isUnmerging, !merger.hasUnfinishedBusiness, unmergeWaiters.isEmpty else {
            return
        }
        let left = unshareAll()
        guard left > 0 else { return }
        gate.warn("unshare", "\(left) pages stay merged although run is 2: no memory or map entries left for copies")
    }

    /// Gives back every page over a frame that is left when the merger has unmerged all that it knows: of forked
    /// children, and of earlier daemons. Those of stopped programs follow when they go on.
    ///
    /// - Returns: Pages that still share.
    func unshareAll() -> Int {
        var left = 0
        for client in clients where !client.toUnshare.isEmpty {
            for area in client.toUnshare {
                guard !client.connection.isParked, let pages = memory.base.unshare(area) else { break }
                client.toUnshare.remove(area)
                left += pages
            }
        }
        return left
    }

    /// Lets counters follow what programs did while nothing is scanned; at a small part of the time.
    func refreshCounters() {
        guard merger.scansNothing, lm_monotonic_nanoseconds() >= refreshDue else { return }
        let start = lm_thread_cpu_nanoseconds() &+ memory.base.cpuOfAgents
        memory.base.beginWakeUp(at: lm_monotonic_nanoseconds())
        merger.refresh(on: &memory)
        // Processor time only: where processors are short the answers of programs come late, and counters would, too.
        let spent = lm_thread_cpu_nanoseconds() &+ memory.base.cpuOfAgents &- start
        refreshDue = lm_monotonic_nanoseconds() + max(10_000_000, 10 * spent)
    }
}
