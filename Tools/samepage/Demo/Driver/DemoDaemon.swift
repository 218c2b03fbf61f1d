import Assembly
import Daemon
import FrontEnd
import Glibc
import Logging
import Merger
import Synchronization

/// A daemon within this process, for the demo's processes alone: its socket lies in a folder that is removed at the end.
final class DemoDaemon {
    /// For starting and stopping, which take milliseconds.
    private static let patienceNanoseconds: UInt64 = 10_000_000_000

    /// The merger.
    let control: SamepageDaemon
    /// Where processes reach it.
    let socketPath: String
    private let folder: String
    private let task: Task<Void, Never>
    private let log: DemoLog

    /// Starts the daemon, and returns when processes can reach it.
    init(_ configuration: SamepageConfiguration) async throws {
        let log = DemoLog()
        let folder = try DemoDaemon.makeFolder()
        var isStarted = false
        // SAFETY: the path outlives the call.
        defer { if !isStarted { unsafe rmdir(folder) } }
        socketPath = "\(folder)/samepage.sock"
        let control = try SamepageDaemon(configuration, socketPath: socketPath, logger: log.logger)
        self.control = control
        self.folder = folder
        self.log = log
        task = Task.detached {
            do {
                try await control.run()
                log.end(with: "it has stopped")
            } catch {
                log.end(with: "\(error)")
            }
        }
        isStarted = true
        let deadline = Accounts.wallNanoseconds() + DemoDaemon.patienceNanoseconds
        // SAFETY: the path outlives the call.
        while unsafe access(socketPath, F_OK) != 0 {
            do {
                try checkRuns()
                guard Accounts.wallNanoseconds() < deadline else {
                    throw CommandFailure("the demo's daemon does not start\(complaint)")
                }
            } catch {
                await stop()
                throw error
            }
            try? await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Stops the daemon and removes what it had in the file system.
    func stop() async {
        task.cancel()
        let deadline = Accounts.wallNanoseconds() + DemoDaemon.patienceNanoseconds
        while log.end == nil, Accounts.wallNanoseconds() < deadline {
            try? await Task.sleep(for: .milliseconds(2))
        }
        // SAFETY: the paths outlive the calls. The daemon has removed its socket, if it could.
        unsafe unlink(socketPath)
        unsafe rmdir(folder)
    }

    /// - Throws: Why the daemon has ended, if it has.
    func checkRuns() throws(CommandFailure) {
        if let reason = log.end { throw CommandFailure("the demo's daemon: \(reason)") }
    }

    /// The last thing that it complained about; empty if nothing.
    var complaint: String { log.last.map { "; the daemon says: \($0)" } ?? "" }

    /// A new folder that only this user can enter.
    private static func makeFolder() throws(CommandFailure) -> String {
        let places = [Environment.value(of: "TMPDIR"), "/tmp"].compactMap(\.self)
        for place in places where place.utf8.count < 60 && place.hasPrefix("/") {
            var path = Array("\(place)/samepage-demo-XXXXXX".utf8CString)
            // SAFETY: the path ends with a zero, and the call keeps its length.
            let made = unsafe path.withUnsafeMutableBufferPointer { buffer in
                unsafe mkdtemp(buffer.baseAddress!).map { unsafe String(cString: $0) }
            }
            if let made { return made }
        }
        throw CommandFailure("no folder for the demo's socket can be made in \(places.joined(separator: " or "))")
    }
}

/// What the demo's daemon says, of which only complaints are of use.
final class DemoLog: Sendable {
    private let state = Mutex<(last: String?, end: String?)>((nil, nil))

    var last: String? { state.withLock { $0.last } }
    var end: String? { state.withLock { $0.end } }

    func complain(_ line: String) { state.withLock { $0.last = line } }
    func end(with reason: String) { state.withLock { $0.end = reason } }

    /// A logger that leads here.
    var logger: Logger {
        var logger = Logger(label: "samepage.demo") { _ in Handler(log: self) }
        logger.logLevel = .warning
        return logger
    }

    private struct Handler: LogHandler {
        let log: DemoLog
        var logLevel = Logger.Level.warning
        var metadata: Logger.Metadata = [:]

        init(log: DemoLog) { self.log = log }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { log.complain("\(event.message)") }
    }
}
