import Glibc
import Spawning
import Testing

/// A program that runs beside the test. Its input and output are sockets; what it says on standard error is kept.
///
/// Everything that waits has a deadline. The program and what it has started are killed when the test lets go of it.
final class Child {
    let process: pid_t
    private let name: String
    private var input: Int32
    private let output: Int32
    private let errorFile: Int32
    private var unread: [UInt8] = []
    private var status: Int32?

    /// Starts a program, named by its path.
    init(_ command: [String], environment extra: [String: String] = [:]) throws {
        name = command.joined(separator: " ")
        let (mine, childInput) = try Child.pair()
        let (output, childOutput) = try Child.pair()
        (input, self.output) = (mine, output)
        _ = fcntl(output, F_SETFL, O_NONBLOCK)
        errorFile = try Child.file()
        defer {
            close(childInput)
            close(childOutput)
        }
        process = try Child.start(command, extra, descriptors: [childInput, childOutput, errorFile])
    }

    deinit {
        if status == nil {
            kill(-process, SIGKILL)
            kill(process, SIGKILL)
            // A killed program ends at once.
            waitpid(process, nil, 0)
        }
        if input >= 0 { close(input) }
        close(output)
        close(errorFile)
    }

    /// Two sockets that are joined.
    private static func pair() throws -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        // SAFETY: the array has room for two descriptors.
        let made = unsafe ends.withUnsafeMutableBufferPointer { unsafe socketpair(AF_UNIX, kind, 0, $0.baseAddress!) }
        try #require(made == 0, "no sockets")
        return (ends[0], ends[1])
    }

    private static func start(
        _ command: [String], _ extra: [String: String], descriptors: [3 of Int32]
    ) throws -> pid_t {
        let environment = ["PATH=\(path)", "HOME=/root"] + extra.map { "\($0.key)=\($0.value)" }
        let process = spawn(command, environment: environment, descriptors: descriptors)
        try #require(process > 0, "\(command[0]) cannot be started: error \(-process)")
        return process
    }

    private static let path = Machine.variable("PATH") ?? "/usr/bin:/bin"

    /// O_TMPFILE, which the importer does not see.
    private static let temporary = O_DIRECTORY | 0o20_000_000

    /// A file without a name.
    private static func file() throws -> Int32 {
        let file = Machine.open("/tmp", temporary | O_RDWR)
        try #require(file >= 0, "no temporary file")
        return file
    }

    /// What it said on standard error so far.
    var errors: String { String(decoding: Machine.start(errorFile), as: UTF8.self) }

    /// The lines of ``errors``.
    var errorLines: [String] { errors.split(separator: "\n").map(String.init) }

    private func readMore() {
        while true {
            let piece = Machine.read(output)
            guard !piece.isEmpty else { return }
            unread += piece
        }
    }

    private func takeLine() -> String? {
        guard let end = unread.firstIndex(of: 10) else { return nil }
        let line = String(decoding: unread[..<end].filter { $0 != 13 }, as: UTF8.self)
        unread.removeSubrange(...end)
        return line
    }

    /// The next line of its output.
    func line(within limit: Duration = .seconds(30)) async throws -> String {
        let end = ContinuousClock.now + limit
        while true {
            readMore()
            if let line = takeLine() { return line }
            let hasEnded = hasEnded
            readMore()
            if let line = takeLine() { return line }
            if hasEnded || ContinuousClock.now > end {
                throw Trouble("\(name): \(hasEnded ? "ended" : "no line within \(limit)"); \(errors)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// The next line that has a text in it.
    func line(with text: String, within limit: Duration) async throws -> String {
        let end = ContinuousClock.now + limit
        while true {
            let line = try await line(within: end - ContinuousClock.now)
            if line.contains(text) { return line }
        }
    }

    /// Says a line.
    func say(_ line: String) throws {
        let bytes = Array("\(line)\n".utf8)
        // SAFETY: the bytes outlive the call.
        let sent = unsafe bytes.withUnsafeBytes {
            unsafe send(input, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if sent != bytes.count { throw Trouble("\(name): cannot be told '\(line)'; \(errors)") }
    }

    /// Says a line and waits for the answer.
    func ask(_ line: String, within limit: Duration = .seconds(60)) async throws -> String {
        try say(line)
        return try await self.line(within: limit)
    }

    /// Whether it has ended.
    var hasEnded: Bool {
        if status != nil { return true }
        var found: Int32 = 0
        // SAFETY: the status outlives the call.
        if unsafe waitpid(process, &found, WNOHANG) == process { status = found }
        return status != nil
    }

    /// Ends its input.
    func endInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// Waits for its end: the exit status, or 128 and the signal's number.
    func end(within limit: Duration = .seconds(30)) async throws -> Int32 {
        let end = ContinuousClock.now + limit
        while !hasEnded {
            // A program that waits for room in the pipe would never end.
            readMore()
            if ContinuousClock.now > end { throw Trouble("\(name): still runs after \(limit); \(errors)") }
            try await Task.sleep(for: .milliseconds(5))
        }
        readMore()
        let found = status ?? 0
        return found & 0x7F == 0 ? found >> 8 & 0xFF : 128 + found & 0x7F
    }

    /// Lets it end by ending its input.
    func finish(within limit: Duration = .seconds(30)) async throws -> Int32 {
        endInput()
        return try await end(within: limit)
    }

    /// All of its output that was not taken as lines.
    var rest: String {
        readMore()
        return String(decoding: unread, as: UTF8.self)
    }
}

/// Why a test cannot go on.
struct Trouble: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// What a program gave that ran to its end.
struct Run {
    let status: Int32
    let output: String
    let errors: String

    /// Whether standard error has exactly one line.
    var isOneLineOfError: Bool { errors.hasSuffix("\n") && errors.count { $0 == "\n" } == 1 }
}

/// Runs a program to its end.
func run(
    _ command: [String], environment: [String: String] = [:], within limit: Duration = .seconds(30)
) async throws -> Run {
    let child = try Child(command, environment: environment)
    child.endInput()
    let status = try await child.end(within: limit)
    return Run(status: status, output: child.rest, errors: child.errors)
}
