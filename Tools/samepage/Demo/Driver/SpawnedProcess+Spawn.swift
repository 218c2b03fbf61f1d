import CLinuxMemory
import Glibc

extension SpawnedProcess {
    /// Descriptors that are closed again unless they are kept.
    struct Descriptors: ~Copyable {
        private var all: [Int32] = []

        init() {}

        deinit { for descriptor in all { close(descriptor) } }

        /// Leaves the descriptors open: they are the caller's now.
        mutating func keep() { all = [] }

        /// Two ends of a connection.
        mutating func connect() throws(CommandFailure) -> (here: Int32, there: Int32) {
            var pair: [Int32] = [-1, -1]
            let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
            // SAFETY: the array has room for two descriptors.
            guard unsafe socketpair(AF_UNIX, kind, 0, &pair) == 0 else { throw shortage() }
            return (try take(pair[0]), try take(pair[1]))
        }

        /// An empty file without a name.
        mutating func file(_ name: String) throws(CommandFailure) -> Int32 {
            // SAFETY: the name outlives the call.
            let made = unsafe lm_memfd_create(name, UInt32(LM_MFD_CLOEXEC))
            guard made >= 0 else { throw shortage() }
            return try take(made)
        }

        /// Moves a descriptor above those that a started process has, so that none overwrites another there.
        private mutating func take(_ descriptor: Int32) throws(CommandFailure) -> Int32 {
            let moved = fcntl(descriptor, F_DUPFD_CLOEXEC, 10)
            close(descriptor)
            guard moved >= 0 else { throw shortage() }
            all.append(moved)
            return moved
        }

        private func shortage() -> CommandFailure {
            CommandFailure("the demo cannot open what it needs: \(SystemError.text(errno)); use fewer --processes")
        }
    }

    /// Starts this program again.
    ///
    /// - Parameters:
    ///   - arguments: What comes after the program's name.
    ///   - environment: All of it.
    ///   - descriptors: What becomes its descriptors 0, 1 and so on; each is 10 or more.
    static func spawn(
        _ arguments: [String], _ environment: EnvironmentList, descriptors: [Int32]
    ) throws(CommandFailure) -> pid_t {
        // SAFETY: all of this outlives the calls that use it, and is freed after them.
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in descriptors.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }
        // No signals blocked, as they are in Swift's threads, and a group of its own: a terminal's interrupt is for the
        // demo, which ends its processes.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))

        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe (["samepage"] + arguments).map { unsafe strdup($0) }
        unsafe arguments.append(nil)
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var environment: [UnsafeMutablePointer<CChar>?] = unsafe environment.entries.map { entry in
            unsafe (entry + [0]).withUnsafeBytes { unsafe strdup($0.bindMemory(to: CChar.self).baseAddress!) }
        }
        unsafe environment.append(nil)
        defer { unsafe environment.forEach { unsafe free($0) } }
        var process: pid_t = 0
        let error = unsafe posix_spawn(
            &process, "/proc/self/exe", &actions, &attributes, &arguments, &environment)
        guard error == 0 else {
            throw CommandFailure("a process of the demo cannot be started: \(SystemError.text(error))")
        }
        return process
    }
}
