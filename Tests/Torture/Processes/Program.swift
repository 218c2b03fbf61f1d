import CTortureWriters
import Glibc

/// A program that the torture has started, in a process group of its own.
struct Program {
    let process: pid_t

    /// Starts a program. What it says goes to the end of a file.
    init(_ command: [String], environment extra: [String: String] = [:], log: String) throws {
        // SAFETY: the actions, attributes and texts outlive the calls that use them, and are freed after them.
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        // No signals blocked, as they are in Swift's threads.
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        let environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp"] + extra.map { "\($0.key)=\($0.value)" }
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe command.map { unsafe strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer {
            unsafe arguments.forEach { unsafe free($0) }
            unsafe variables.forEach { unsafe free($0) }
        }
        var process: pid_t = 0
        let error = unsafe posix_spawnp(&process, command[0], &actions, &attributes, &arguments, &variables)
        guard error == 0 else { throw TortureError(message: "\(command[0]) cannot be started: error \(error)") }
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
