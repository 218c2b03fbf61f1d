import CLinuxMemory
import Glibc

/// One of the processes that the demo started: this program again, with the agent loaded.
///
/// Started by posix_spawn, whose child shares the memory until it is another program: a child made by fork would make the
/// demo's own memory shared with it. Ended at the latest when this object goes.
final class SpawnedProcess {
    /// The process number.
    let pid: pid_t
    /// The demo's end of the connection to its standard input and output.
    let connection: Int32
    private let record: RecordFile
    private let errors: Int32
    private var input = LineBuffer()
    private var hasEnded = false
    private var status: Int32 = 0

    /// Starts the process.
    ///
    /// - Throws: What keeps it from being started.
    init(number: Int, layout: DemoLayout, environment: EnvironmentList) throws(CommandFailure) {
        var descriptors = Descriptors()
        let (here, there) = try descriptors.connect()
        let record = try descriptors.file("samepage-demo-record")
        let errors = try descriptors.file("samepage-demo-errors")
        pid = try SpawnedProcess.spawn(
            ["demo-process", "\(number)", "\(layout.processes)", "\(layout.pagesPerProcess)"], environment,
            descriptors: [there, there, errors, record])
        close(there)
        descriptors.keep()
        connection = here
        self.record = RecordFile(descriptor: record)
        self.errors = errors
    }

    deinit {
        end()
        close(connection)
        close(record.descriptor)
        close(errors)
    }

    /// Sends a request.
    func send(_ request: DemoRequest) throws(CommandFailure) {
        var bytes = Array("\(request.rawValue)\n".utf8)
        let count = bytes.count
        // SAFETY: the bytes outlive the call.
        let sent = unsafe bytes.withUnsafeMutableBytes {
            unsafe Glibc.send(connection, $0.baseAddress, count, Int32(MSG_NOSIGNAL))
        }
        if sent != count { throw failure() }
    }

    /// Takes what has come, if anything has.
    ///
    /// - Throws: That the process has ended or says what no process of the demo says.
    func receive() throws(CommandFailure) -> [DemoAnswer] {
        var piece = [UInt8](repeating: 0, count: 4096)
        let size = piece.count
        // SAFETY: the buffer outlives the call and has this size.
        let count = unsafe piece.withUnsafeMutableBytes {
            unsafe recv(connection, $0.baseAddress, size, Int32(MSG_DONTWAIT))
        }
        if count < 0, errno == EAGAIN || errno == EINTR { return [] }
        guard count > 0 else { throw failure() }
        input.append(piece[..<count])
        var answers: [DemoAnswer] = []
        while let line = input.next() {
            guard let answer = DemoAnswer(line: line) else {
                throw CommandFailure("process \(pid) of the demo gave a wrong answer: '\(line.prefix(80))'")
            }
            answers.append(answer)
        }
        if input.isOverfull { throw CommandFailure("process \(pid) of the demo gave an answer without an end") }
        return answers
    }

    /// The fingerprints of its pages, as it last wrote them down.
    func fingerprints(pages: Int) throws(CommandFailure) -> [UInt64] { try record.read(pages: pages) }

    /// Waits until it has ended by itself.
    ///
    /// - Throws: That it has not ended within some seconds, or not well.
    func waitUntilEnded() throws(CommandFailure) {
        let deadline = Accounts.wallNanoseconds() + 10_000_000_000
        while !reap(waiting: false) {
            guard Accounts.wallNanoseconds() < deadline else {
                throw CommandFailure("process \(pid) of the demo does not end")
            }
            usleep(2000)
        }
        if status != 0 { throw failure() }
    }

    /// Ends it now, whatever it does.
    func end() {
        guard !reap(waiting: false) else { return }
        kill(pid, SIGKILL)
        _ = reap(waiting: true)
    }

    /// Why it has ended, with the last thing it said on standard error.
    private func failure() -> CommandFailure {
        end()
        let signal = status & 0x7F
        var text = "process \(pid) of the demo "
        text += signal == 0 ? "ended with status \(status >> 8 & 0xFF)" : "was ended by signal \(signal)"
        if let line = lastError() { text += ": \(line)" }
        return CommandFailure(text)
    }

    private func lastError() -> String? {
        var text = [UInt8](repeating: 0, count: 4096)
        let size = text.count
        // SAFETY: the buffer outlives the call and has this size.
        let count = unsafe text.withUnsafeMutableBytes { unsafe pread(errors, $0.baseAddress, size, 0) }
        let lines = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.last.map { String($0.prefix(300)) }
    }

    /// Takes the status of the process, if it has ended; whether it has.
    private func reap(waiting: Bool) -> Bool {
        if hasEnded { return true }
        var result: pid_t
        repeat {
            // SAFETY: the status outlives the call.
            result = unsafe waitpid(pid, &status, waiting ? 0 : WNOHANG)
        } while result < 0 && errno == EINTR
        hasEnded = result != 0
        return hasEnded
    }
}
