public import Merger

/// What a front end can do with a merger, wherever the merger runs.
///
/// Calls may come from any task; each is answered by the thread that drives the merger and takes as long as the step
/// under way there (normally well below a millisecond). Errors are the implementation's own, and describe themselves in
/// one line for people.
public protocol MergerControl: Sendable {
    /// The counters at this moment.
    func counters() throws -> Counters

    /// The names of all attributes, in the order in which they are shown: today's, whatever dialect the merger has.
    func attributes() throws -> [String]

    /// The value of an attribute, as text without a newline.
    func value(of attribute: String) throws -> String

    /// Sets an attribute; on an error it keeps its value.
    func set(_ attribute: String, to value: String) throws

    /// Bytes in a page of the merger's memory.
    var pageSize: Int { get }

    /// What the merger is made of, and how long it has run.
    func description() throws -> MergerDescription

    /// The programs whose memory it merges, by process number; empty for a merger inside one process.
    func clients() throws -> [ClientReport]

    /// Who may reach a socket of the merger.
    var access: SocketAccess { get }

    /// The same merger as a user of the machine may see and change it: front ends that serve others ask through this.
    ///
    /// - Parameter user: The user's number, by the kernel's word.
    func asSeen(by user: UInt32) -> any MergerControl
}

extension MergerControl {
    /// Knows nothing.
    public func description() throws -> MergerDescription { MergerDescription() }
    /// None.
    public func clients() throws -> [ClientReport] { [] }
    /// The user alone that runs it.
    public var access: SocketAccess { SocketAccess() }
    /// Everyone sees and may do all.
    public func asSeen(by user: UInt32) -> any MergerControl { self }
}

/// Who may connect to a socket in the file system.
public struct SocketAccess: Sendable, Hashable {
    /// The mode of the file.
    public var mode: UInt32
    /// Its group; `nil` to leave it.
    public var group: UInt32?

    /// For the owner of the file alone unless told otherwise.
    public init(mode: UInt32 = 0o600, group: UInt32? = nil) {
        self.mode = mode
        self.group = group
    }
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
