public import FrontEnd
import Glibc

/// Serves a merger's counters and settings at a Unix stream socket: front end `control`.
///
/// A request is one line of at most 4096 bytes, an answer is lines of which the last is `ok` or begins with `error `.
/// Lines end with a newline; words are separated by one blank.
///
/// | request | lines of the answer before `ok` |
/// |---|---|
/// | `get NAME` | `value TEXT` |
/// | `set NAME VALUE` | none |
/// | `status` | those of ``ControlStatus`` |
///
/// Text at the end of a line has `\n` for a newline, `\\` for a backslash and `\xHH` for other control characters. A
/// connection may ask again and again, and is closed after 10 seconds without a request. Who may connect, the merger
/// says (`MergerControl.access`); what a user sees and may set is what `MergerControl.asSeen(by:)` says of the user, whom the kernel names (SO_PEERCRED).
public struct ControlSocket: FrontEnd {
    /// Where it listens.
    public let path: String

    /// Makes the front end; it listens once it runs.
    ///
    /// - Parameter path: A path of at most 107 bytes.
    public init(path: String) { self.path = path }

    /// `control`.
    public var name: String { "control" }

    /// Where the control socket of a daemon is whose own socket is at `socketPath`.
    public static func path(besides socketPath: String) -> String { socketPath + ".control" }

    /// Serves until the task is cancelled; the socket's file is gone then.
    ///
    /// - Throws: ``ControlError`` if the socket cannot be made.
    public func run(_ control: any MergerControl) async throws {
        let listener = try await listen(control.access)
        defer { listener.close() }
        let inbox = try ControlInbox()
        try await withTaskCancellationHandler {
            try await ControlThread.run { ControlServer(listener, inbox: inbox, control: control).serve() }
        } onCancel: {
            inbox.stop()
        }
    }
}

extension ControlSocket {
    /// Listens. A daemon that has just failed to start, because this one was first, may still have the path: it gets
    /// two seconds to let it go.
    private func listen(_ access: SocketAccess) async throws -> ControlListener {
        for _ in 0..<20 {
            do throws(ControlError) {
                return try ControlListener(path: path, access: access)
            } catch {
                guard error.isTaken else { throw error }
            }
            try await Task.sleep(nanoseconds: 100_000_000)
        }
        return try ControlListener(path: path, access: access)
    }
}

/// Why a control socket cannot be used, or what it answered.
public struct ControlError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of errors.
    public enum Code: Hashable, Sendable {
        /// Nobody listens at the path.
        case nobodyAnswers
        /// The file's permissions keep this user out.
        case notPermitted
        /// Whoever asks does not believe the other side; the description is its own.
        case notTrusted
        /// The other side refused the request; the description is its own.
        case refused
        /// The connection broke, or what came is no answer.
        case broken
        /// The socket cannot be made.
        case cannotListen
    }

    /// The kind of error.
    public let code: Code
    /// One line: what is wrong, and what to do.
    public let description: String
    /// Whether someone else listens at the path.
    let isTaken: Bool

    init(_ code: Code, _ description: String, isTaken: Bool = false) {
        self.code = code
        self.description = description
        self.isTaken = isTaken
    }

    static func system(_ call: String, _ number: Int32) -> ControlError {
        ControlError(.broken, "\(call) failed: \(errorText(number))")
    }
}

/// What the system calls an error number.
func errorText(_ number: Int32) -> String {
    // SAFETY: the text is copied before another call can change it.
    unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
}
