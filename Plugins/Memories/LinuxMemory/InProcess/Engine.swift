import CLinuxMemory
import Merger
import PageMemory
import ScanPolicy

/// The merger and its memory; lives on the merging thread.
final class Engine {
    static let budgetAttribute = "vma_budget_percent"

    var memory: InProcessMemory
    var merger: Merger
    private var hurries: [Hurry] = []

    /// Somebody waits for full scans without sleeps.
    private struct Hurry {
        var scansLeft: UInt64
        var scansDone: UInt64 = 0
        var lastScan: UInt64
        var mergedBefore: UInt64
        let done: Semaphore
    }

    init(parts: MergerParts, settings: InProcessSettings) {
        memory = InProcessMemory(checksum: parts.checksum, settings: settings)
        merger = Merger(
            configuration: parts.configuration, checksum: parts.checksum, stableTree: parts.stableTree,
            unstableTree: parts.unstableTree, policy: parts.policy, pageSize: memory.pageSize, tracksChanges: true)
    }

    deinit {
        for hurry in hurries { hurry.done.signal() }
    }

    private var time: DriverTime {
        DriverTime(nanoseconds: lm_monotonic_nanoseconds(), cpuNanoseconds: lm_thread_cpu_nanoseconds())
    }

    /// One step of the merger.
    func step() -> MergerThread.Pause {
        let pause = merger.advance(on: &memory, time: time)
        switch pause {
        case nil:
            return .none
        case .wait:
            for hurry in hurries { hurry.done.signal() }
            hurries.removeAll()
            return .untilWoken
        case .sleep(let milliseconds):
            checkHurries()
            return hurries.isEmpty ? .milliseconds(milliseconds) : .none
        }
    }

    /// Asks for full scans without sleeps, until one merges nothing.
    func hurry(scans: UInt64, then done: Semaphore) {
        let counters = merger.counters
        hurries.append(
            Hurry(
                scansLeft: max(2, scans), lastScan: counters.fullScans, mergedBefore: counters.pagesMerged, done: done))
    }

    private func checkHurries() {
        guard !hurries.isEmpty else { return }
        let counters = merger.counters
        hurries = hurries.compactMap { hurry in
            guard counters.fullScans != hurry.lastScan else { return hurry }
            var hurry = hurry
            // The scan that was under way when this was asked for does not count.
            let isQuiet = hurry.scansDone >= 2 && counters.pagesMerged == hurry.mergedBefore
            hurry.scansDone += 1
            hurry.scansLeft -= 1
            hurry.lastScan = counters.fullScans
            hurry.mergedBefore = counters.pagesMerged
            guard isQuiet || hurry.scansLeft == 0 else { return hurry }
            hurry.done.signal()
            return nil
        }
    }

    func value(of attribute: String) throws(InProcessError) -> String {
        if attribute == Engine.budgetAttribute { return String(memory.settings.vmaBudgetPercent) }
        do throws(AttributeError) {
            return try merger.value(of: attribute)
        } catch {
            throw InProcessError(.badAttribute, error.description)
        }
    }

    func set(_ attribute: String, to value: String) throws(InProcessError) {
        do throws(AttributeError) {
            if attribute == Engine.budgetAttribute {
                let percent = try parseUnsignedAttribute(value, name: attribute, in: 1...90)
                memory.settings.vmaBudgetPercent = UInt32(percent)
                memory.budget.setPercent(UInt32(percent))
            } else {
                try merger.set(attribute, to: value)
            }
        } catch {
            throw InProcessError(.badAttribute, error.description)
        }
        merger.settle(on: &memory)
        let failures = merger.takeUnmergeFailures()
        guard failures == 0 else { throw Engine.unmergeFailed(failures) }
    }

    static func unmergeFailed(_ pages: Int) -> InProcessError {
        InProcessError(
            .outOfResources,
            "\(pages) pages stay merged: no memory or map entries left for copies; free some and try again")
    }
}
