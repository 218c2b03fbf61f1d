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

/// An expectation that did not hold, or a step that could not be done.
public struct ScenarioFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// The line of the step, 0 if it has none.
    public var line: Int
    /// What was expected, and what was found.
    public var message: String

    /// States a failure.
    public init(line: Int, message: String) {
        self.line = line
        self.message = message
    }

    /// One line for people.
    public var description: String { line > 0 ? "line \(line): \(message)" : message }
}

/// A scenario under way.
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

    var programs: [String: Program] = [:]
    var nextSpace: UInt32 = 1
    private var scans: UInt64 = 0

    struct Program {
        var space: AddressSpaceID
        var areas: [String: Range<UInt64>] = [:]
        /// Where the next area begins: areas lie apart, so that each is one of its own.
        var nextPage: UInt64 = 16
    }

    /// Prepares a scenario.
    public init(_ scenario: Scenario, parts: MergerParts, tracksChanges: Bool = true) {
        self.scenario = scenario
        machine = SimulatedMachine(
            parts: parts, pageSize: scenario.pageSize, tracksChanges: tracksChanges, nodeCount: scenario.nodes)
    }

    /// Does all steps.
    ///
    /// - Throws: ``ScenarioFailure`` for a step that cannot be done: a program that is not there, pages that are not
    ///   mapped, memory that was used up. Expectations that do not hold are collected in ``failures`` instead.
    public mutating func finish() throws(ScenarioFailure) {
        for step in scenario.steps { try perform(step) }
        for violation in machine.bookkeepingViolations() { fail(0, "a mistake of Samepage's own: \(violation)") }
    }

    private mutating func perform(_ step: Scenario.Step) throws(ScenarioFailure) {
        switch step.action {
        case .scan(let count):
            for _ in 0..<count where !scanOnce(step.line) {
                return fail(step.line, "the merger does not scan: run, pages_to_scan or the lack of areas keeps it")
            }
        case .scanUntil(let conditions, let most): scan(until: conditions, atMost: most, step.line)
        case .wake(let count):
            for _ in 0..<count {
                let before = machine.counters.fullScans
                machine.wakeUp()
                scans += machine.counters.fullScans - before
                note("wake-up", step.line)
            }
        case .expect(let conditions):
            for condition in conditions { expect(condition, of: nil, step.line, attribute(condition.name)) }
        case .expectProgram(let name, let conditions):
            let figures = machine.figures(of: try program(name, step.line).space)
            for condition in conditions { expect(condition, of: name, step.line, figures.value(of: condition.name)) }
        case .set(let name, let value, let error): set(name, value, error, step.line)
        case .shortage(let count):
            machine.memory.allocationsUntilFailure = count
            note(count.map { "memory ends after \($0) allocations" } ?? "memory does not end", step.line)
        default: note(try act(step), step.line)
        }
    }

    mutating func note(_ event: String, _ line: Int) {
        timeline.append(
            Moment(
                event: event, line: line, nanoseconds: machine.nanoseconds, scans: scans, counters: machine.counters))
    }

    private mutating func fail(_ line: Int, _ message: String) {
        failures.append(ScenarioFailure(line: line, message: message))
    }
}

// The merger's side.
extension ScenarioRun {
    private mutating func scanOnce(_ line: Int) -> Bool {
        guard machine.scan() == 1 else { return false }
        scans += 1
        note("scan", line)
        return true
    }

    private mutating func scan(until conditions: [Scenario.Condition], atMost most: UInt64, _ line: Int) {
        for _ in 0..<most {
            guard scanOnce(line) else { break }
            if conditions.allSatisfy(holds) { return }
        }
        let missing = conditions.filter { !holds($0) }
        guard !missing.isEmpty else { return }
        let found = missing.map { "\($0.name) is \(attribute($0.name).map(String.init) ?? "no number")" }
        fail(line, "after \(most) full scans, \(found.joined(separator: ", "))")
    }

    private func holds(_ condition: Scenario.Condition) -> Bool {
        attribute(condition.name).map { condition.comparison.holds($0, condition.number) } ?? false
    }

    private func attribute(_ name: String) -> Int? { (try? machine.value(of: name, in: .linux)).flatMap { Int($0) } }

    private mutating func expect(_ condition: Scenario.Condition, of program: String?, _ line: Int, _ found: Int?) {
        let name = program.map { "\(condition.name) of \($0)" } ?? condition.name
        guard let found else { return fail(line, "\(name) is no figure") }
        guard !condition.comparison.holds(found, condition.number) else { return }
        let comparison = condition.comparison == .equal ? "" : "\(condition.comparison.rawValue) "
        fail(line, "\(name) is \(found), and should be \(comparison)\(condition.number)")
    }

    private mutating func set(_ name: String, _ value: String, _ expected: String?, _ line: Int) {
        var answer: String?
        do throws(AttributeError) {
            try machine.set(name, to: value)
        } catch {
            answer = error.kernelError
        }
        note("\(name) = \(value)\(answer.map { ": \($0)" } ?? "")", line)
        guard answer != expected else { return }
        fail(line, "'\(value)' to \(name) gives \(answer ?? "success"), and should give \(expected ?? "success")")
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
