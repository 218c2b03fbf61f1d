public import Merger

/// What a front end can do with a merger, wherever the merger runs.
///
/// Calls may come from any task; each is answered by the thread that drives the merger and takes as long as the step
/// under way there (normally well below a millisecond). Errors are the implementation's own, and describe themselves in
/// one line for people.
public protocol MergerControl: Sendable {
    /// The counters at this moment.
    func counters() throws -> Counters

    /// The names of all attributes, in the order in which they are shown.
    func attributes() throws -> [String]

    /// The value of an attribute, as text without a newline.
    func value(of attribute: String) throws -> String

    /// Sets an attribute; on an error it keeps its value.
    func set(_ attribute: String, to value: String) throws

    /// Bytes in a page of the merger's memory.
    var pageSize: Int { get }
}

/// The contract of a front end: what drives a merger or shows it to people and programs.
///
/// ``run(_:)`` is called once and works until its task is cancelled; it then leaves terminals, sockets and files as
/// they were before it returns. A front end holds no state of the merger: it asks when it needs something.
public protocol FrontEnd: Sendable {
    /// The name by which configuration selects this front end, for example `terminal`.
    var name: String { get }

    /// Works until the task is cancelled.
    ///
    /// - Throws: What keeps the front end from working; not cancellation.
    func run(_ control: any MergerControl) async throws
}
