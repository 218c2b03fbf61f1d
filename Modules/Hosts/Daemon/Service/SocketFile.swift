import CLinuxMemory
import FrontEnd
import Glibc

/// The socket that clients connect to, in the file system.
struct SocketFile: Sendable {
    /// The listening socket.
    let descriptor: Int32
    private let path: String
    private let identity: FileIdentity?

    /// Begins to listen. A socket that nobody answers at any more is replaced.
    init(path: String, access: SocketAccess) throws(DaemonError) {
        guard !path.isEmpty, !path.utf8.contains(0), path.utf8.count <= LM_SOCKET_PATH else {
            throw DaemonError(
                "the socket's path has \(path.utf8.count) bytes, and 1 to \(LM_SOCKET_PATH) are possible: '\(path)'")
        }
        // Two daemons that start at once must not both take the old socket for dead and the new one of the other away.
        let lock = Self.lockDirectory(of: path)
        defer { if lock >= 0 { _ = lm_close(lock) } }
        try Self.makeRoom(at: path)
        let descriptor = lm_socket()
        guard descriptor >= 0 else { throw Self.failure("no socket can be made", descriptor) }
        var isListening = false
        defer { if !isListening { _ = lm_close(descriptor) } }
        // SAFETY: a string terminated by zero, of the length that is given.
        let bound = unsafe path.withCString { unsafe lm_bind(descriptor, $0, path.utf8.count) }
        guard bound == 0 else { throw Self.bindFailure(path, bound) }
        // Nobody can connect before the socket listens; by then the file has its mode.
        if let failure = Self.give(path, access) {
            _ = unsafe path.withCString { unsafe unlink($0) }
            throw failure
        }
        _ = lm_socket_option(descriptor, Int32(LM_SO_PASSCRED), 1)
        // Connections inherit it: nobody can send descriptors, which would be closed here, with their data still to go.
        _ = lm_socket_option(descriptor, Int32(LM_SO_PASSRIGHTS), 0)
        let result = lm_listen(descriptor, 1024)
        guard result == 0 else { throw Self.failure("cannot listen at \(path)", result) }
        isListening = true
        self.descriptor = descriptor
        self.path = path
        identity = Self.identity(of: path)?.0
    }

    /// Ends listening, and takes the file away if it is still this socket's.
    func remove() {
        if let identity, Self.identity(of: path)?.0 == identity {
            _ = unsafe path.withCString { unsafe unlink($0) }
        }
        _ = lm_close(descriptor)
    }

    /// A lock on the directory of the path, if it can be had: a second for others to let it go.
    private static func lockDirectory(of path: String) -> Int32 {
        let directory = path.lastIndex(of: "/").map { path[...$0] } ?? "./"
        let descriptor = unsafe directory.withCString { unsafe lm_open($0, O_DIRECTORY) }
        guard descriptor >= 0 else { return descriptor }
        for _ in 0..<100 where flock(descriptor, LOCK_EX | LOCK_NB) != 0 { usleep(10_000) }
        return descriptor
    }

    /// Removes a socket that nobody answers at.
    private static func makeRoom(at path: String) throws(DaemonError) {
        guard let (identity, isSocket) = identity(of: path) else { return }
        guard isSocket else {
            throw DaemonError("\(path) exists and is no socket: remove it, or choose another path with --socket")
        }
        let descriptor = lm_socket()
        guard descriptor >= 0 else { throw failure("no socket can be made", descriptor) }
        defer { _ = lm_close(descriptor) }
        // SAFETY: a string terminated by zero, of the length that is given.
        let result = unsafe path.withCString { unsafe lm_connect(descriptor, $0, path.utf8.count) }
        switch -result {
        case 0, Int32(LM_EAGAIN): throw DaemonError("a daemon already answers on \(path)")
        case ECONNREFUSED: break
        case ENOENT: return
        case EPROTOTYPE: throw DaemonError("another program answers on \(path): choose another path with --socket")
        default: throw failure("\(path) exists and cannot be examined", result)
        }
        guard Self.identity(of: path)?.0 == identity else { return }
        guard unsafe path.withCString({ unsafe unlink($0) }) == 0 else {
            throw failure("the socket that an earlier daemon left at \(path) cannot be removed", -errno)
        }
    }

    private static func identity(of path: String) -> (FileIdentity, isSocket: Bool)? {
        var status = stat()
        // SAFETY: a string terminated by zero and a local structure.
        guard unsafe path.withCString({ unsafe lstat($0, &status) }) == 0 else { return nil }
        return (FileIdentity(status), status.st_mode & S_IFMT == S_IFSOCK)
    }

    private static func give(_ path: String, _ access: SocketAccess) -> DaemonError? {
        if let group = access.group, unsafe path.withCString({ unsafe lchown($0, uid_t.max, group) }) != 0 {
            return errno == EPERM
                ? DaemonError("\(path) cannot be given to group \(group): make the daemon's user a member of it")
                : failure("\(path) cannot be given to group \(group)", -errno)
        }
        guard unsafe path.withCString({ unsafe fchmodat(AT_FDCWD, $0, access.mode, AT_SYMLINK_NOFOLLOW) }) == 0 else {
            return failure("the mode of \(path) cannot be set", -errno)
        }
        return nil
    }

    private static func bindFailure(_ path: String, _ result: Int32) -> DaemonError {
        switch -result {
        case ENOENT, ENOTDIR:
            DaemonError("the directory of \(path) does not exist: make it, or choose another path with --socket")
        case EACCES, EPERM, EROFS:
            DaemonError("no permission to make \(path): run as its owner, or choose another path with --socket")
        case EADDRINUSE: DaemonError("\(path) was made by someone else just now: try again")
        default: failure("\(path) cannot be made", result)
        }
    }

    static func failure(_ what: String, _ result: Int32) -> DaemonError {
        DaemonError("\(what): \(errorText(-result))")
    }

    static func errorText(_ number: Int32) -> String {
        // SAFETY: glibc's text is terminated by zero; nothing else in this process changes the locale.
        unsafe String(cString: strerror(number))
    }
}
