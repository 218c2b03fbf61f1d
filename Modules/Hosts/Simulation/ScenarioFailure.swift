/// An expectation that did not hold, or a step that could not be done.
public struct ScenarioFailure: Error, Sendable, Hashable {
    /// The line of the step, 0 if it has none.
    public var line: Int
    /// What scenario files call the step, as `expect`.
    public var field: String
    /// What was expected, and what was found.
    public var message: String

    /// States a failure of a step.
    public init(_ step: Scenario.Step, _ message: String) {
        line = step.line
        field = step.action.field
        self.message = message
    }
}

extension ScenarioFailure: CustomStringConvertible {
    /// One line for people.
    public var description: String { "\(line > 0 ? "line \(line), " : "")\(field): \(message)" }
}
