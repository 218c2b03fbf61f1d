import CTortureWriters
import Glibc
import Spawning

/// A program that the torture has started, in a process group of its own.
struct Program {
    let process: pid_t

    /// Starts a program. What it says goes to the end of a file.
    init(_ command: [String], environment extra: [String: String] = [:], log: String) throws {
        // SAFETY: the texts outlive the calls.
        let input = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        let output = unsafe open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer {
            close(input)
            close(output)
        }
        guard input >= 0, output >= 0 else { throw TortureError(message: "\(log) cannot be opened: error \(errno)") }
        let environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp"] + extra.map { "\($0.key)=\($0.value)" }
        let process = spawn(command, environment: environment, descriptors: [input, output, output])
        guard process > 0 else { throw TortureError(message: "\(command[0]) cannot be started: error \(-process)") }
        self.process = process
    }

    /// Signals the program alone. It must not have been reaped.
    func signal(_ number: Int32) { kill(process, number) }

    /// Signals it and what it has forked. It must not have been reaped.
    func signalGroup(_ number: Int32) { kill(-process, number) }

    /// Whether it has ended; it is not reaped.
    var hasEnded: Bool {
        var information = unsafe siginfo_t()
        // SAFETY: the structure outlives the call.
        let answer = unsafe waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT)
        return unsafe answer == 0 && information.si_signo == SIGCHLD
    }

    /// Waits for its end: the exit status, or 256 plus the signal that ended it. Everything that it has forked is
    /// killed and reaped too, as far as it has not left the group.
    func reap() -> Int32 {
        var information = unsafe siginfo_t()
        // SAFETY: the structure and the number outlive the calls.
        while unsafe waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        // Its number remains its own until it is reaped.
        signalGroup(SIGKILL)
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        while true {
            var rest: Int32 = 0
            let child = unsafe waitpid(-process, &rest, 0)
            if child < 0, errno != EINTR { break }
        }
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 256 + status & 0x7F
    }
}

extension Program {
    /// Its threads, each with how often it has given up a processor; `nil` unless all of them sleep. Where two looks see
    /// the same, none has run between them.
    var sleepers: [String: [Substring]]? {
        let folder = "/proc/\(process)/task"
        var threads: [String: [Substring]] = [:]
        for thread in FileTree.names(in: folder) {
            let lines = FileTree.text("\(folder)/\(thread)/status").split(separator: "\n")
            guard lines.contains(where: { $0.hasPrefix("State:\tS") }) else { return nil }
            threads[thread] = lines.filter { $0.contains("ctxt_switches:") }
        }
        return threads.isEmpty ? nil : threads
    }
}

extension Torture {
    /// Runs a command to its end.
    static func run(_ command: [String], log: String) throws {
        let status = try Program(command, log: log).reap()
        guard status == 0 else {
            throw TortureError(message: "\(command.joined(separator: " ")): status \(status); see \(log)")
        }
    }
}
