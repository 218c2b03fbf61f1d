import CLinuxMemory

/// Whether a process may obey who answers at a socket, and tell it what is in its memory.
///
/// Root's daemon may be obeyed, that of the process's own user, and that of the user whom root names in
/// `/etc/samepage/daemon-user`. Who it is the kernel says of the connection itself. In addition nobody else may be able
/// to put a socket at the path.
public enum SocketTrust: Sendable, Equatable {
    /// It may be obeyed.
    case trusted
    /// Whoever listens is neither root, nor the process's own user, nor named by root.
    case stranger
    /// Another user may change what lies at the path.
    case openPath

    /// Examines a connected socket.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - path: The path that it was connected to, ended by a zero byte.
    public init(ofSocket descriptor: Int32, at path: UnsafePointer<CChar>) {
        self = .stranger
        let peer = lm_peer_credentials(descriptor)
        guard peer.pid != -1 else { return }
        let daemon = UInt32(bitPattern: peer.uid)
        // A process between two users has none of its own.
        let real = lm_real_user()
        let own = real == lm_effective_user() ? real : 0
        guard daemon == 0 || daemon == own || Self.isNamedByRoot(daemon) else { return }
        self = unsafe Self.isSafe(path, for: (daemon, own)) ? .trusted : .openPath
    }

    /// Bytes of the longest path that is examined.
    private static var room: Int { 512 }
    private static var typeMask: UInt32 { 0o170000 }
    private static var link: UInt32 { 0o120000 }
    private static var sticky: UInt32 { 0o1000 }

    /// Whether nobody but root and two users can change what a path leads to: the path as it is written, with the links
    /// on it, and the place where they lead.
    private static func isSafe(_ path: UnsafePointer<CChar>, for users: (UInt32, UInt32)) -> Bool {
        var written = InlineArray<512, UInt8>(repeating: 0)
        var length = 0
        // SAFETY: up to the zero byte.
        while unsafe path[length] != 0 {
            guard length < room - 1 else { return false }
            written[length] = UInt8(bitPattern: unsafe path[length])
            length += 1
        }
        guard isSafe(&written, length, for: users) else { return false }
        // SAFETY: the path ends with a zero byte.
        let place = unsafe lm_open(path, Int32(LM_O_PATH))
        guard place >= 0 else { return false }
        defer { _ = lm_close(place) }
        var real = InlineArray<512, UInt8>(repeating: 0)
        let found = readLink(ofDescriptor: place, into: &real)
        // One that fills the room may be cut.
        guard found > 0, found < room - 1, real[0] == UInt8(ascii: "/") else { return false }
        real[found] = 0
        return isSafe(&real, found, for: users)
    }

    /// Examines a path component by component, from its beginning.
    private static func isSafe(
        _ path: inout InlineArray<512, UInt8>, _ length: Int, for users: (UInt32, UInt32)
    ) -> Bool {
        guard length > 0 else { return false }
        for end in 1...length {
            let byte = path[end]
            guard end == length || byte == UInt8(ascii: "/") || end == 1 && path[0] == UInt8(ascii: "/") else {
                continue
            }
            path[end] = 0
            let owner = ownership(of: path)
            path[end] = byte
            guard owner.error == 0, owner.user == 0 || owner.user == users.0 || owner.user == users.1 else {
                return false
            }
            // Of a link and of the socket itself the bits do not say who can replace it.
            if end == length || owner.mode & typeMask == link { continue }
            // In a directory with the sticky bit nobody replaces what is another's.
            guard owner.mode & 0o022 == 0 || owner.mode & sticky != 0 else { return false }
        }
        return true
    }

    private static func ownership(of path: InlineArray<512, UInt8>) -> lm_ownership {
        // SAFETY: the path ends with a zero byte.
        unsafe withUnsafeBytes(of: path) { bytes in
            unsafe lm_path_ownership(bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self))
        }
    }

    /// Where a descriptor of the calling thread leads.
    private static func readLink(ofDescriptor descriptor: Int32, into path: inout InlineArray<512, UInt8>) -> Int {
        var name = InlineArray<40, UInt8>(repeating: 0)
        let folder: StaticString = "/proc/thread-self/fd/"
        // SAFETY: as many bytes as the text has.
        for place in 0..<folder.utf8CodeUnitCount { name[place] = unsafe folder.utf8Start[place] }
        var divisor: Int32 = 1
        while descriptor / divisor >= 10 { divisor *= 10 }
        var place = folder.utf8CodeUnitCount
        while divisor > 0 {
            name[place] = UInt8(ascii: "0") + UInt8(descriptor / divisor % 10)
            divisor /= 10
            place += 1
        }
        // SAFETY: the name ends with a zero byte, and the path has the room given.
        return unsafe withUnsafeBytes(of: name) { name in
            unsafe withUnsafeMutableBytes(of: &path) { path in
                unsafe Int(
                    lm_read_link(
                        name.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self),
                        path.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self), room))
            }
        }
    }

    /// Whether root says in `/etc/samepage/daemon-user` that a user runs the daemon of this machine: a number.
    private static func isNamedByRoot(_ user: UInt32) -> Bool {
        let name: StaticString = "/etc/samepage/daemon-user"
        // SAFETY: the text of a literal ends with a zero byte.
        let file = unsafe name.utf8Start.withMemoryRebound(to: CChar.self, capacity: name.utf8CodeUnitCount + 1) {
            unsafe lm_open($0, Int32(LM_O_RDONLY | LM_O_NONBLOCK))
        }
        guard file >= 0 else { return false }
        defer { _ = lm_close(file) }
        let owner = lm_file_ownership(file)
        guard owner.error == 0, owner.user == 0, owner.mode & 0o022 == 0 else { return false }
        var text = InlineArray<32, UInt8>(repeating: 0)
        // SAFETY: as many bytes as the array has.
        let count = unsafe withUnsafeMutableBytes(of: &text) { unsafe lm_read(file, $0.baseAddress, $0.count) }
        var number: UInt64 = 0
        var digits = 0
        while digits < count, text[digits] >= UInt8(ascii: "0"), text[digits] <= UInt8(ascii: "9"), digits < 10 {
            number = number * 10 + UInt64(text[digits] - UInt8(ascii: "0"))
            digits += 1
        }
        guard digits > 0, digits == count || text[digits] == UInt8(ascii: "\n") else { return false }
        return number == UInt64(user)
    }
}
