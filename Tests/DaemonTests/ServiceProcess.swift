import Glibc

/// A client that is a process of its own, in Python: it says hello, announces an area, and answers truthfully that
/// nothing in it changes.
final class ServiceProcess {
    let pid: pid_t

    /// Why there can be none here; `nil` if there can.
    static let missing: String? = unsafe access("/usr/bin/python3", X_OK) == 0 ? nil : "needs /usr/bin/python3"

    /// Starts a client.
    ///
    /// - Parameters:
    ///   - user: Its user; `nil` for this process's.
    ///   - group: Its group.
    ///   - mode: `serve`, `protect` (not dumpable), `namespace` (with a user namespace of its own), `confine` (gives
    ///   up what it may gain by execve, once it was asked about itself) or `quiet` (the same after eight seconds, and nothing
    ///   need be asked of it while it has no page fault).
    init(path: String, user: UInt32? = nil, group: UInt32 = 0, mode: String = "serve", salt: UInt64 = 0) throws {
        let words = [
            "/usr/bin/python3", "-c", Self.script, path, user.map { String($0) } ?? "-", String(group), mode,
            String(salt),
        ]
        var arguments = unsafe words.map { unsafe strdup($0) } + [nil]
        var child: pid_t = 0
        // SAFETY: strings terminated by zero, a list terminated by nil, both freed afterwards.
        let result = unsafe posix_spawn(&child, words[0], nil, nil, &arguments, environ)
        unsafe arguments.forEach { unsafe free($0) }
        guard result == 0 else { throw ServiceRigError("spawn: \(result)") }
        pid = child
    }

    func send(_ signal: Int32) { kill(pid, signal) }

    deinit {
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    // setuid makes a process undumpable, execve makes it dumpable again.
    private static let script = """
        import os, sys, signal, socket, struct, ctypes
        path, user, group, mode, salt = sys.argv[1:6]
        if user != '-':
            os.setgroups([]); os.setgid(int(group)); os.setuid(int(user))
            script = open('/proc/self/cmdline').read().split('\\0')[2]
            os.execv('/usr/bin/python3', ['python3', '-c', script, path, '-', group, mode, salt])
        libc = ctypes.CDLL(None)
        if mode == 'protect': libc.prctl(4, 0, 0, 0, 0)
        if mode == 'namespace': libc.unshare(0x10000000)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if s.connect_ex(path) != 0: sys.exit(3)
        if mode == 'quiet':
            signal.signal(signal.SIGALRM, lambda number, frame: libc.prctl(38, 1, 0, 0, 0))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
            signal.alarm(8)
        s.send(struct.pack('<HHIQIIIIQ', 1, 0, 0, 0, 1, 4096, 16 if mode == 'quiet' else 0, 2, int(salt)))
        while True:
            m, files, flags, address = socket.recv_fds(s, 32768, 4)
            for f in files: os.close(f)
            if not m: break
            kind, flags, count, sequence = struct.unpack('<HHIQ', m[:16])
            if kind == 17: break
            if kind == 16: s.send(struct.pack('<HHIQIIQ', 2, 0, 1, 0, 7, 64, 1 << 20))
            head = struct.pack('<HHIQ', kind, 1, 0, sequence)
            if kind == 32: s.send(head + struct.pack('<IIQ', struct.unpack('<III', m[16:28])[2], 0, 1))
            if kind == 37: s.send(head)
            if kind == 38: s.send(head + bytes(32))
            if kind == 39: s.send(head + struct.pack('<QIIQQ', 5000, 9, 99, 4096, 3))
            if kind == 39 and mode == 'confine': libc.prctl(38, 1, 0, 0, 0)
        """
}
