import CLinuxMemory
import Merger
import PageMemory
import Remap
import ScanPolicy
import SystemThreads

/// The merger and its memory; lives on the merging thread.
final class Engine {
    static let budgetAttribute = "vma_budget_percent"

    var memory: InProcessMemory
    var merger: Merger
    private var hurries: [Hurry] = []
    private var progressAtLastSleep: UInt64?

    init(parts: MergerParts, settings: InProcessSettings, hasOwnDescriptors: Bool) {
        memory = InProcessMemory(
            checksum: parts.checksum, settings: settings, hasOwnDescriptors: hasOwnDescriptors)
        merger = Merger(
            configuration: parts.configuration, checksum: parts.checksum, stableTree: parts.stableTree,
            unstableTree: parts.unstableTree, policy: parts.policy, pageSize: memory.pageSize, tracksChanges: true)
    }

    deinit { endHurries() }

    private func endHurries() {
        for hurry in hurries { hurry.done.signal() }
        hurries.removeAll()
    }

    private var time: DriverTime {
        DriverTime(nanoseconds: lm_monotonic_nanoseconds(), cpuNanoseconds: lm_thread_cpu_nanoseconds())
    }

    /// One step of the merger.
    func step() -> MergerThread.Pause {
        let before = time
        let pause = merger.advance(on: &memory, time: before)
        memory.statistics.cpu.total += lm_thread_cpu_nanoseconds() - before.cpuNanoseconds
        switch pause {
        case nil:
            return .none
        case .wait:
            endHurries()
            return .untilWoken
        case .sleep(let milliseconds):
            checkHurries()
            guard !hurries.isEmpty else { return .milliseconds(milliseconds) }
            // A policy that allows no pages would let them wait for ever. A full scan that ends with its batch takes
            // one more wake-up that scans nothing.
            let counters = merger.counters
            let progress = counters.pagesScanned + counters.pagesSkipped + counters.fullScans
            if progress == progressAtLastSleep { endHurries() }
            progressAtLastSleep = progress
            return .none
        }
    }

    /// Somebody waits for full scans without sleeps.
    func add(_ hurry: Hurry) {
        progressAtLastSleep = nil
        hurry.begin(with: merger.counters, isInScan: !merger.isBetweenScans)
        hurries.append(hurry)
    }

    private func checkHurries() {
        guard !hurries.isEmpty else { return }
        let counters = merger.counters
        hurries.removeAll { $0.isDone(at: counters) }
    }

    func value(of attribute: String) throws(InProcessError) -> String {
        if attribute == Engine.budgetAttribute { return String(memory.settings.vmaBudgetPercent) }
        do throws(AttributeError) {
            return try merger.value(of: attribute, in: .linux)
        } catch {
            throw InProcessError(.badAttribute, error.description)
        }
    }

    func set(_ attribute: String, to value: String) throws(InProcessError) {
        do throws(AttributeError) {
            if attribute == Engine.budgetAttribute {
                let percent = try parseUnsignedAttribute(value, name: attribute, in: 1...90)
                memory.settings.vmaBudgetPercent = UInt32(percent)
                memory.budget.percent = UInt32(percent)
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
