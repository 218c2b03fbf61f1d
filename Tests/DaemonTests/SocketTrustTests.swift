import CLinuxMemory
import Glibc
import Synchronization
import Testing
import Wire

/// Whose daemon a process obeys, and at which paths. As root: the sockets and folders are those of several users.
@Suite("Whom an agent obeys", .enabled(if: getuid() == 0, "needs root, for other users' sockets"))
struct SocketTrustTests {
    private static let user: UInt32 = 4711
    private static let other: UInt32 = 4712

    /// What a process thinks of a socket.
    ///
    /// - Parameters:
    ///   - listener: The user who listens.
    ///   - owners: Owner and mode of the socket's folder, and of one above it.
    ///   - judge: Real and effective user of the process that connects.
    ///   - path: Where it connects to, if not to the socket itself.
    private func trust(
        listener: UInt32, in folder: (owner: UInt32, mode: mode_t),
        below above: (owner: UInt32, mode: mode_t) = (0, 0o755), judge: (real: UInt32, effective: UInt32),
        socketOwner: UInt32? = nil, by path: ((String) throws -> String)? = nil
    ) throws -> SocketTrust {
        let outer = try ServiceRig.makeDirectory()
        let inner = "\(outer)/inner"
        #expect(unsafe mkdir(inner, 0o755) == 0)
        let socket = "\(inner)/socket"
        let descriptor = try #require(Self.listen(at: socket, as: listener))
        defer {
            close(descriptor)
            unsafe unlink(socket)
            unsafe rmdir(inner)
            unsafe rmdir(outer)
        }
        if let socketOwner { #expect(unsafe chown(socket, socketOwner, socketOwner) == 0) }
        for (name, place) in [(inner, folder), (outer, above)] {
            #expect(unsafe chown(name, place.owner, place.owner) == 0 && chmod(name, place.mode) == 0)
        }
        let place = try path?(socket) ?? socket
        defer { if place != socket { unsafe unlink(place) } }
        return try #require(Self.connect(to: place, as: judge))
    }

    /// A thread with users of its own: the kernel keeps them by thread, libc alone by process.
    private static func asUsers<Result: Sendable>(
        _ real: UInt32, _ effective: UInt32, _ body: @escaping @Sendable () -> Result?
    ) -> Result? {
        let result = Mutex<Result?>(nil)
        let thread = Thread {
            guard lm_system_call(Int(SYS_setresuid), Int(real), Int(effective), -1, 0, 0, 0) == 0 else { return }
            let value = body()
            result.withLock { $0 = value }
        }
        thread.join()
        return result.withLock { $0 }
    }

    private static func listen(at path: String, as user: UInt32) -> Int32? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard unsafe withAddress(of: path, { unsafe bind(descriptor, $0, $1) }) == 0,
            unsafe chmod(path, 0o777) == 0, unsafe chown(path, user, user) == 0
        else { return nil }
        // Who listens is who the kernel names to those who connect.
        return asUsers(user, user) { Glibc.listen(descriptor, 4) == 0 ? descriptor : nil }
    }

    private static func connect(to path: String, as judge: (real: UInt32, effective: UInt32)) -> SocketTrust? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        guard unsafe withAddress(of: path, { unsafe Glibc.connect(descriptor, $0, $1) }) == 0 else { return nil }
        return asUsers(judge.real, judge.effective) { unsafe SocketTrust(ofSocket: descriptor, at: path) }
    }

    private static func withAddress(
        of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // SAFETY: paths of these tests are shorter than an address has room for.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        return unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    @Test("root's daemon and one's own are obeyed, another user's is not")
    func listeners() throws {
        for judge in [Self.user, Self.other, 0] {
            #expect(try trust(listener: 0, in: (0, 0o755), judge: (judge, judge)) == .trusted)
        }
        #expect(try trust(listener: Self.user, in: (Self.user, 0o700), judge: (Self.user, Self.user)) == .trusted)
        #expect(try trust(listener: Self.user, in: (Self.user, 0o755), judge: (Self.other, Self.other)) == .stranger)
        #expect(try trust(listener: Self.user, in: (0, 0o755), judge: (0, 0)) == .stranger)
    }

    @Test("root under su, with the folder of the user who called it, obeys nobody there")
    func substituteUser() throws {
        // XDG_RUNTIME_DIR is still that user's.
        #expect(try trust(listener: Self.user, in: (Self.user, 0o700), judge: (0, 0)) == .stranger)
        #expect(try trust(listener: 0, in: (Self.user, 0o700), judge: (0, 0)) == .openPath)
        #expect(try trust(listener: 0, in: (0, 0o755), below: (Self.user, 0o755), judge: (0, 0)) == .openPath)
    }

    @Test("a process between two users obeys root's daemon alone")
    func gainedRights() throws {
        for judge in [(Self.user, UInt32(0)), (0, Self.user), (Self.user, Self.other)] {
            let users = (real: judge.0, effective: judge.1)
            #expect(try trust(listener: Self.user, in: (0, 0o755), judge: users) == .stranger)
            #expect(try trust(listener: 0, in: (0, 0o755), judge: users) == .trusted)
            #expect(try trust(listener: 0, in: (Self.user, 0o755), judge: users) == .openPath)
        }
    }

    @Test("every folder on the way is root's, the process's user's or the daemon's, and nobody else can write there")
    func paths() throws {
        let own = (real: Self.user, effective: Self.user)
        #expect(try trust(listener: 0, in: (Self.user, 0o755), judge: own) == .trusted)
        #expect(try trust(listener: 0, in: (Self.other, 0o755), judge: own) == .openPath)
        #expect(try trust(listener: 0, in: (0, 0o755), below: (Self.other, 0o755), judge: own) == .openPath)
        for mode in [0o775, 0o757, 0o777] as [mode_t] {
            #expect(try trust(listener: 0, in: (0, mode), judge: own) == .openPath)
            #expect(try trust(listener: 0, in: (0, 0o755), below: (0, mode), judge: own) == .openPath)
        }
        // Where the sticky bit is set nobody replaces what is another's; but the socket may be somebody's.
        #expect(try trust(listener: 0, in: (0, 0o1777), judge: own) == .trusted)
        #expect(try trust(listener: 0, in: (0, 0o1777), judge: own, socketOwner: Self.other) == .openPath)
    }

    @Test("a link is followed, and both ways to the socket count")
    func links() throws {
        func link(in folder: String, _ owner: UInt32) -> (String) throws -> String {
            { socket in
                let name = "\(folder)/samepage-link-\(getpid())-\(owner)"
                #expect(unsafe symlink(socket, name) == 0 && lchown(name, owner, owner) == 0)
                return name
            }
        }
        let own = (real: Self.user, effective: Self.user)
        #expect(try trust(listener: 0, in: (0, 0o755), judge: own, by: link(in: "/tmp", 0)) == .trusted)
        #expect(try trust(listener: 0, in: (0, 0o755), judge: own, by: link(in: "/tmp", Self.other)) == .openPath)
        #expect(try trust(listener: 0, in: (Self.other, 0o755), judge: own, by: link(in: "/tmp", 0)) == .openPath)
    }
}
