import CLinuxMemory
import FrontEnd
import Glibc

/// The address of a Unix stream socket.
struct ControlAddress: Sendable {
    let path: String
    private let address: sockaddr_un

    /// - Throws: ``ControlError`` for a path that is empty or does not fit.
    init(path: String) throws(ControlError) {
        self.path = path
        var address = sockaddr_un()
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard !path.isEmpty, path.utf8.count < room, !path.utf8.contains(0) else {
            throw ControlError(
                .cannotListen, "socket path '\(path)' is not from 1 to \(room - 1) bytes long: choose a shorter one")
        }
        address.sun_family = sa_family_t(AF_UNIX)
        // SAFETY: the path fits, and zeros follow it.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        self.address = address
    }

    /// A new socket, close-on-exec; below 0, with errno, if there is none.
    static func makeSocket(isBlocking: Bool) -> Int32 {
        let flags = SOCK_CLOEXEC.rawValue | (isBlocking ? 0 : SOCK_NONBLOCK.rawValue)
        return socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | flags), 0)
    }

    /// connect; 0, or the error number.
    func connect(_ socket: Int32) -> Int32 { unsafe use { unsafe Glibc.connect(socket, $0, $1) } }

    /// bind; 0, or the error number.
    func bind(_ socket: Int32) -> Int32 { unsafe use { unsafe Glibc.bind(socket, $0, $1) } }

    private func use(_ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        // SAFETY: the address outlives the call and has this size.
        unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                while true {
                    if unsafe call(pointer, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 { return 0 }
                    if errno != EINTR { return errno }
                }
            }
        }
    }
}

/// A socket that listens, and its file.
struct ControlListener: Sendable {
    let socket: Int32
    private let path: String
    private let identity: FileIdentity?

    /// Listens at a path for those who have access. The file of a socket that nobody answers on any more is replaced.
    init(path: String, access: SocketAccess) throws(ControlError) {
        let address = try ControlAddress(path: path)
        // Two daemons that start at once must not both take the old socket for dead and the new one of the other away.
        let lock = Self.lockDirectory(of: path)
        defer { if lock >= 0 { _ = Glibc.close(lock) } }
        try Self.removeStale(address)
        socket = ControlAddress.makeSocket(isBlocking: false)
        guard socket >= 0 else { throw .system("socket", errno) }
        // Connections inherit it: who cannot send descriptors cannot let this side wait for their end.
        _ = lm_socket_option(socket, Int32(LM_SO_PASSRIGHTS), 0)
        var error = address.bind(socket)
        self.path = path
        identity = error == 0 ? FileIdentity(of: path) : nil
        if error == 0, !Self.give(path, access) || listen(socket, 64) != 0 { error = errno }
        guard error == 0 else {
            close()
            throw Self.failure(path, error)
        }
    }

    /// Sets mode and group of the socket, at which nobody can connect before it listens. A link that someone put in its
    /// place is not followed. `false`, with errno, if that cannot be done.
    private static func give(_ path: String, _ access: SocketAccess) -> Bool {
        if let group = access.group, unsafe lchown(path, uid_t.max, group) != 0 { return false }
        return unsafe fchmodat(AT_FDCWD, path, access.mode, AT_SYMLINK_NOFOLLOW) == 0
    }

    private static func failure(_ path: String, _ error: Int32) -> ControlError {
        switch error {
        case ENOENT, ENOTDIR:
            ControlError(
                .cannotListen, "the directory of \(path) does not exist: make it, or choose another path with --socket")
        case EACCES, EPERM, EROFS:
            ControlError(
                .cannotListen, "no permission to make \(path): run as its owner, or choose another path with --socket")
        default: ControlError(.cannotListen, "cannot listen on \(path): \(errorText(error))")
        }
    }

    /// Stops to listen, and removes the file if it is still this socket's.
    func close() {
        _ = Glibc.close(socket)
        if let identity, FileIdentity(of: path) == identity { unsafe unlink(path) }
    }

    /// A lock on the directory of the path, if it can be had: a second for others to let it go.
    private static func lockDirectory(of path: String) -> Int32 {
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./"
        let descriptor = unsafe open(directory, O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return descriptor }
        for _ in 0..<100 where flock(descriptor, LOCK_EX | LOCK_NB) != 0 { usleep(10_000) }
        return descriptor
    }

    private static func removeStale(_ address: ControlAddress) throws(ControlError) {
        guard let found = FileIdentity(of: address.path) else { return }
        guard found.isSocket else {
            throw ControlError(
                .cannotListen, "cannot listen on \(address.path): the file exists and is no socket; remove it")
        }
        let probe = ControlAddress.makeSocket(isBlocking: false)
        guard probe >= 0 else { throw .system("socket", errno) }
        defer { _ = Glibc.close(probe) }
        guard address.connect(probe) == ECONNREFUSED else {
            throw ControlError(
                .cannotListen,
                "cannot listen on \(address.path): another process does; stop it, or choose another path",
                isTaken: true)
        }
        unsafe unlink(address.path)
    }

    /// Which file a path names.
    private struct FileIdentity: Sendable, Equatable {
        let device: UInt
        let node: UInt
        let isSocket: Bool

        init?(of path: String) {
            var status = stat()
            // SAFETY: the structure outlives the call.
            guard unsafe lstat(path, &status) == 0 else { return nil }
            device = UInt(status.st_dev)
            node = UInt(status.st_ino)
            isSocket = status.st_mode & S_IFMT == S_IFSOCK
        }
    }
}
