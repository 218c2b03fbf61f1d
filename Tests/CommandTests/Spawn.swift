import Glibc
import Spawning
import Testing

/// Runs a program to its end.
func execute(_ command: [String]) async throws -> CommandResult { try await start(command).result() }

/// Starts a program.
func start(_ command: [String]) throws -> RunningProgram {
    let output = try Capture()
    let errors = try Capture()
    let process = spawn(command, descriptors: [STDIN_FILENO, output.file, errors.file])
    try #require(process > 0, "\(command[0]) cannot be started: error \(-process)")
    return RunningProgram(process: process, output: output, errors: errors)
}

/// A program that runs, and what it writes.
final class RunningProgram {
    let process: pid_t
    private let output: Capture
    private let errors: Capture
    private var status: Int32?

    fileprivate init(process: pid_t, output: Capture, errors: Capture) {
        self.process = process
        self.output = output
        self.errors = errors
    }

    /// Nothing that a test starts outlives it.
    deinit {
        guard status == nil else { return }
        kill(process, SIGKILL)
        var status: Int32 = 0
        // SAFETY: the status outlives the call.
        unsafe waitpid(process, &status, 0)
    }

    /// What it wrote to standard error so far.
    var errorsSoFar: String { errors.text }

    /// Sends a signal.
    func signal(_ number: Int32) { kill(process, number) }

    /// Waits for its end.
    func result() async throws -> CommandResult {
        var found: Int32 = 0
        // SAFETY: the status outlives each call.
        while status == nil, unsafe waitpid(process, &found, WNOHANG) == 0 {
            try? await Task.sleep(for: .milliseconds(5))
        }
        let status = status ?? found
        self.status = status
        let hasExited = status & 0x7F == 0
        return CommandResult(
            status: hasExited ? status >> 8 & 0xFF : nil, output: output.text, errors: errors.text)
    }
}

/// A file without a name that takes what a program writes.
private final class Capture {
    let file: Int32

    init() throws {
        var path = Array("/tmp/samepage-test-XXXXXX".utf8CString)
        // SAFETY: the path ends with a zero, and the calls keep its length.
        file = unsafe path.withUnsafeMutableBufferPointer { unsafe mkstemp($0.baseAddress!) }
        try #require(file >= 0, "no temporary file")
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        _ = unsafe path.withUnsafeBufferPointer { unsafe unlink($0.baseAddress!) }
    }

    deinit { close(file) }

    /// What was written so far.
    var text: String {
        var text = [UInt8](repeating: 0, count: 1 << 20)
        let size = text.count
        // SAFETY: the buffer outlives the call and has this size.
        let count = unsafe text.withUnsafeMutableBytes { unsafe pread(file, $0.baseAddress, size, 0) }
        return String(decoding: text[..<max(0, count)], as: UTF8.self)
    }
}
