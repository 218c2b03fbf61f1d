import Glibc

/// Asks a ``ControlSocket``. Each call makes a connection, waits for the answer and closes it.
public struct ControlClient: Sendable {
    /// Where the other side listens.
    public let path: String
    /// Seconds to wait for an answer, or for a bit of it. Setting an attribute takes as long as it takes.
    private static let patienceSeconds = 60
    /// Bytes of the longest answer that is taken.
    private static let answerBytes = 64 << 20

    /// Why nothing is asked of whoever answers at a connected socket; `nil` if it may be.
    private let objection: @Sendable (Int32) -> String?

    /// Names a socket.
    ///
    /// - Parameter objection: Asked of each connection: why its other side is not to be believed, in one line.
    public init(path: String, objection: @escaping @Sendable (Int32) -> String? = { _ in nil }) {
        self.path = path
        self.objection = objection
    }

    /// Everything that the merger says about itself.
    ///
    /// - Throws: ``ControlError``.
    public func status() throws(ControlError) -> ControlStatus { try ControlStatus(lines: try ask("status")) }

    /// The value of an attribute.
    ///
    /// - Throws: ``ControlError``; of the kind `refused` if there is no such attribute.
    public func value(of attribute: String) throws(ControlError) -> String {
        try Self.check(attribute)
        let lines = try ask("get \(attribute)")
        guard lines.count == 1, lines[0].hasPrefix("value ") else {
            throw ControlError(.broken, "\(path) gave no value")
        }
        return ControlText.unescaped(String(lines[0].dropFirst("value ".count)))
    }

    /// Sets an attribute.
    ///
    /// - Throws: ``ControlError``; of the kind `refused` if the attribute does not take the value, or this user may not
    ///   set it.
    public func set(_ attribute: String, to value: String) throws(ControlError) {
        try Self.check(attribute)
        guard !value.utf8.contains(UInt8(ascii: "\n")) else {
            throw ControlError(.refused, "a value has only one line")
        }
        _ = try ask("set \(attribute) \(value)")
    }

    private static func check(_ attribute: String) throws(ControlError) {
        guard attribute.utf8.contains(where: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }) else { return }
        throw ControlError(.refused, "there is no attribute '\(attribute)'")
    }

    /// The lines of the answer before its last.
    private func ask(_ request: String) throws(ControlError) -> [String] {
        let socket = try connect(patience: request.hasPrefix("set ") ? 0 : Self.patienceSeconds)
        defer { close(socket) }
        try send(Array((request + "\n").utf8), to: socket)
        var answer: [UInt8] = []
        var start = 0
        var lines: [String] = []
        while true {
            guard let end = answer[start...].firstIndex(of: UInt8(ascii: "\n")) else {
                answer.removeSubrange(..<start)
                start = 0
                try receive(&answer, from: socket)
                continue
            }
            let line = String(decoding: answer[start..<end], as: UTF8.self)
            start = end + 1
            if line == "ok" { return lines }
            if line.hasPrefix("error ") {
                throw ControlError(.refused, ControlText.unescaped(String(line.dropFirst("error ".count))))
            }
            lines.append(line)
        }
    }

    private func connect(patience seconds: Int) throws(ControlError) -> Int32 {
        let address = try ControlAddress(path: path)
        let socket = ControlAddress.makeSocket(isBlocking: true)
        guard socket >= 0 else { throw .system("socket", errno) }
        // SAFETY: the structure outlives the calls and has this size.
        var patience = timeval(tv_sec: seconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        unsafe setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
        let error = address.connect(socket)
        guard error == 0 else {
            close(socket)
            switch error {
            case ENOENT, ECONNREFUSED, ENOTDIR: throw ControlError(.nobodyAnswers, "nobody answers on \(path)")
            case EACCES, EPERM: throw ControlError(.notPermitted, "\(path) may not be used: \(errorText(error))")
            default: throw ControlError(.broken, "cannot connect to \(path): \(errorText(error))")
            }
        }
        if let objection = objection(socket) {
            close(socket)
            throw ControlError(.notTrusted, objection)
        }
        return socket
    }

    private func send(_ bytes: [UInt8], to socket: Int32) throws(ControlError) {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { bytes in
                // SAFETY: the bytes outlive the call; `sent` is within them.
                unsafe Glibc.send(socket, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            // Who refuses a connection closes it, perhaps before the request is there.
            guard count >= 0 else { throw broken(errno) }
            sent += count
        }
    }

    private func receive(_ answer: inout [UInt8], from socket: Int32) throws(ControlError) {
        guard answer.count < Self.answerBytes else { throw ControlError(.broken, "the answer of \(path) has no end") }
        var bytes = [UInt8](repeating: 0, count: 65536)
        while true {
            // SAFETY: the bytes outlive the call, and there is this much room.
            let count = unsafe recv(socket, &bytes, 65536, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw count == 0 ? broken(EPIPE) : broken(errno) }
            answer += bytes[..<count]
            return
        }
    }

    private func broken(_ number: Int32) -> ControlError {
        switch number {
        case EAGAIN: ControlError(.broken, "\(path) does not answer: the daemon is stuck")
        case EPIPE, ECONNRESET:
            ControlError(.broken, "\(path) closed the connection: the daemon ended, or has too many connections")
        default: ControlError(.broken, "cannot talk to \(path): \(errorText(number))")
        }
    }
}
