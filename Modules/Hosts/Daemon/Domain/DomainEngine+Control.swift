import CLinuxMemory
import Merger
import PageMemory
import ScanPolicy
import Wire

/// What became of setting an attribute in one domain.
struct SetAnswer: Sendable, Hashable {
    /// Why it was not set.
    var error: String?
    /// Pages that stay merged although `run` is 2.
    var pagesLeft = 0
}

extension DomainEngine {
    /// Sets an attribute of the merger; `run` 2 is answered when everything is unmerged.
    func set(_ attribute: String, to value: String, _ reply: Reply<SetAnswer>) {
        let run = merger.run
        do throws(AttributeError) {
            try merger.set(attribute, to: value, allowingShared: true)
        } catch {
            return reply.answer(SetAnswer(error: error.description))
        }
        // As in the kernel, `run` 2 begins to count full scans anew.
        if merger.run == .unmerge, run != .unmerge {
            scans.before = 0
            for client in clients { client.toUnshare = Set(client.areas.values.lazy.map(\.id)) }
        }
        if merger.run != .unmerge { for client in clients { client.toUnshare.removeAll() } }
        publishScans()
        wake()
        guard merger.isUnmerging else { return reply.answer(SetAnswer()) }
        unmergeWaiters.append(reply)
    }

    /// Tells those who wait for `run` 2 when it is done and its frames are released.
    func answerUnmergeWaiters() {
        guard !unmergeWaiters.isEmpty, !merger.isUnmerging, !merger.hasUnfinishedBusiness else { return }
        let failures = merger.takeUnmergeFailures() + unshareAll()
        for waiter in unmergeWaiters { waiter.answer(SetAnswer(pagesLeft: failures)) }
        unmergeWaiters.removeAll()
    }

    /// Sets an attribute that was set before the domain began.
    func apply(_ change: AttributeChange) {
        do throws(AttributeError) {
            try merger.set(change.name, to: change.value, allowingShared: true)
        } catch {
            gate.warn("replay \(change.name)", "a new domain does not take an attribute's value: \(error)")
        }
    }

    /// New settings for all agents.
    func apply(_ settings: WireSettings, lingerSeconds: Int) {
        lingerNanoseconds = Self.nanoseconds(lingerSeconds)
        self.settings = settings
        for client in clients { client.connection.send(settings) }
    }
}
