public import Merger
import PageMemory
import ScanPolicy
import SimulatedMemory

/// A moment of a scenario: what had just happened, and what the merger counted then.
public struct Moment: Sendable, Hashable {
    /// What had happened, in a few words: `scan`, `fork parent`.
    public var event: String
    /// The line of the step, 0 if it has none.
    public var line: Int
    /// Nanoseconds since the machine was started.
    public var nanoseconds: UInt64
    /// Full scans since then, also those from before `run` 2.
    public var scans: UInt64
    /// The merger's counters.
    public var counters: Counters
}

/// A scenario under way. The same scenario with the same parts always gives the same timeline.
///
/// ```swift
/// var run = ScenarioRun(scenario, parts: parts)
/// try run.finish()
/// for moment in run.timeline { print(moment.event, moment.counters.pagesSharing) }
/// ```
public struct ScenarioRun {
    /// The scenario.
    public let scenario: Scenario
    /// The machine that it happens on.
    public let machine: SimulatedMachine
    /// What has happened so far.
    public private(set) var timeline: [Moment] = []
    /// Expectations that did not hold so far; the scenario goes on after them.
    public private(set) var failures: [ScenarioFailure] = []

    var programs: [String: SimulatedProgram] = [:]
    var nextSpace: UInt32 = 1
    var effort = ScenarioEffort()
    private var scans: UInt64 = 0

    /// Prepares a scenario.
    ///
    /// - Parameters:
    ///   - scenario: What happens; its page size and number of nodes must be ones that ``SimulatedMachine`` takes.
    ///   - parts: What the merger is made of.
    ///   - tracksChanges: Whether the memory reports only changed pages to the merger.
    public init(_ scenario: Scenario, parts: MergerParts, tracksChanges: Bool = true) {
        self.scenario = scenario
        machine = SimulatedMachine(
            parts: parts, pageSize: scenario.pageSize, tracksChanges: tracksChanges, nodeCount: scenario.nodes)
        machine.pageCost = scenario.pageCost
    }

    /// Does all steps.
    ///
    /// - Throws: ``ScenarioFailure`` for a step that cannot be done: a program that is not there, pages that are not
    ///   mapped, memory that was used up, more than ``ScenarioEffort`` allows. Expectations that do not hold are collected
    ///   in ``failures`` instead.
    public mutating func finish() throws(ScenarioFailure) {
        for step in scenario.steps { try perform(step) }
        guard let last = scenario.steps.last else { return }
        for violation in machine.bookkeepingViolations() { fail(last, "a mistake of Samepage's own: \(violation)") }
    }

    private mutating func perform(_ step: Scenario.Step) throws(ScenarioFailure) {
        switch step.action {
        case .scan(let count):
            try effort.run(count, step)
            for _ in 0..<count where !scanOnce(step) { return fail(step, Self.doesNotScan) }
        case .scanUntil(let conditions, let most):
            try effort.run(most, step)
            scan(until: conditions, atMost: most, step)
        case .wake(let count):
            try effort.run(count, step)
            for _ in 0..<count {
                let before = machine.counters.fullScans
                machine.wakeUp()
                scans += machine.counters.fullScans - before
                note("wake-up", step)
            }
        case .expect(let conditions):
            for condition in conditions { expect(condition, of: nil, step, attribute(condition.name)) }
        case .expectProgram(let name, let conditions):
            let figures = machine.figures(of: try program(name, step).space)
            for condition in conditions { expect(condition, of: name, step, figures.value(of: condition.name)) }
        case .read(let place, let content, let offset): try read(place, content, at: offset, step)
        case .set(let name, let value): set(name, value, step)
        case .shortage(let count):
            machine.memory.allocationsUntilFailure = count
            note(count.map { "memory ends after \($0) allocations" } ?? "memory does not end", step)
        case .map, .unmap, .advise, .fill, .write, .fork, .exit, .pin: try act(step)
        }
    }

    mutating func note(_ event: String, _ step: Scenario.Step) {
        timeline.append(
            Moment(
                event: event, line: step.line, nanoseconds: machine.nanoseconds, scans: scans,
                counters: machine.counters))
    }

    mutating func fail(_ step: Scenario.Step, _ message: String) { failures.append(ScenarioFailure(step, message)) }
}

// The merger's side.
extension ScenarioRun {
    private static let doesNotScan = "the merger does not scan: run, pages_to_scan or the lack of areas keeps it"

    private mutating func scanOnce(_ step: Scenario.Step) -> Bool {
        guard machine.scan() == 1 else { return false }
        scans += 1
        note("scan", step)
        return true
    }

    private mutating func scan(until conditions: [Scenario.Condition], atMost most: UInt64, _ step: Scenario.Step) {
        if let unknown = conditions.first(where: { attribute($0.name) == nil }) {
            return fail(step, "\(unknown.name) is no figure")
        }
        var count: UInt64 = 0
        repeat {
            guard scanOnce(step) else { return fail(step, Self.doesNotScan) }
            count += 1
            if conditions.allSatisfy(holds) { return }
        } while count < most
        let found = conditions.filter { !holds($0) }.map { "\($0.name) is \(figure($0.name))" }
        fail(step, "after \(count) full scans, \(found.joined(separator: ", "))")
    }

    private func holds(_ condition: Scenario.Condition) -> Bool {
        condition.comparison.holds(figure(condition.name), condition.number)
    }

    /// An attribute that was a figure when the step began; no scan makes anything else of it.
    private func figure(_ name: String) -> Int {
        guard let figure = attribute(name) else { preconditionFailure("\(name) is no figure any more") }
        return figure
    }

    private func attribute(_ name: String) -> Int? { (try? machine.value(of: name, in: .linux)).flatMap { Int($0) } }

    private mutating func expect(
        _ condition: Scenario.Condition, of program: String?, _ step: Scenario.Step, _ found: Int?
    ) {
        let name = program.map { "\(condition.name) of \($0)" } ?? condition.name
        guard let found else { return fail(step, "\(name) is no figure") }
        guard !condition.comparison.holds(found, condition.number) else { return }
        let comparison = condition.comparison == .equal ? "" : "\(condition.comparison.rawValue) "
        fail(step, "\(name) is \(found), and should be \(comparison)\(condition.number)")
    }

    private mutating func set(_ name: String, _ value: String, _ step: Scenario.Step) {
        var answer: String?
        do throws(AttributeError) {
            if try machine.set(name, to: value) > 0 { answer = "ENOMEM" }
        } catch {
            answer = error.kernelError
        }
        note("\(name) = \(value)\(answer.map { ": \($0)" } ?? "")", step)
        guard answer != step.error else { return }
        fail(step, "'\(value)' to \(name) gives \(answer ?? "success"), and should give \(step.error ?? "success")")
    }
}

extension SpaceFigures {
    /// A figure by its name in the kernel's ksm_stat; `nil` for other names.
    public func value(of name: String) -> Int? {
        switch name {
        case "ksm_rmap_items": rmapItems
        case "ksm_zero_pages": zeroPages
        case "ksm_merging_pages": mergingPages
        case "ksm_process_profit": profit
        default: nil
        }
    }
}
