import Glibc
import Testing

/// A connection to a Unix stream socket, byte for byte.
final class RawConnection {
    private let socket: Int32

    /// Connects.
    init(_ path: String) throws {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        // SAFETY: the structure outlives the call and has this size.
        unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let result = unsafe RawConnection.with(path) { [socket] in unsafe Glibc.connect(socket, $0, $1) }
        try #require(result == 0, "cannot connect: error \(errno)")
    }

    deinit { close(socket) }

    /// A socket with a file at a path, that nobody listens on.
    static func bind(_ path: String) throws -> Int32 {
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let result = unsafe with(path) { unsafe Glibc.bind(socket, $0, $1) }
        try #require(result == 0, "cannot bind: error \(errno)")
        return socket
    }

    /// Sends text.
    func send(_ text: String) {
        let bytes = Array(text.utf8)
        // SAFETY: the bytes outlive the call.
        let count = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        #expect(count == bytes.count)
    }

    /// Says that nothing more is sent.
    func finish() { shutdown(socket, Int32(SHUT_WR)) }

    /// Everything that comes until the other side closes.
    func rest() -> String {
        var all: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            // SAFETY: the buffer outlives the call and has this size.
            let count = unsafe recv(socket, &bytes, 4096, 0)
            guard count > 0 else { return String(decoding: all, as: UTF8.self) }
            all += bytes[..<count]
        }
    }

    /// Sends a request as the last, and takes the answer.
    func ask(_ request: String, finishing: Bool = true) throws -> String {
        send(request)
        if finishing { finish() }
        return rest()
    }

    private static func with(_ path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // SAFETY: the path fits, and zeros follow it; the address outlives the call and has this size.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        return unsafe withUnsafePointer(to: address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe call(address, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

/// Lets others run for ten milliseconds.
func usleepTenMilliseconds() { usleep(10_000) }
