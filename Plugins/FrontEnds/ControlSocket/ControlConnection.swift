import Glibc

/// One connection: what came and is no request yet, and what is still to be sent.
struct ControlConnection {
    /// Bytes of the longest request, its newline included.
    static let requestBytes = 4096
    /// How long a connection may be silent, or not take an answer.
    static let idleMilliseconds: Int64 = 10_000

    /// What it is known by.
    let number: UInt64
    let socket: Int32
    /// Who connected.
    let user: UInt32
    /// When it is closed unless something happens; `nil` while a request is answered.
    var deadline: Int64? { isWaiting ? nil : end }

    private var end: Int64
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    private var sent = 0
    /// A request is being answered.
    private var isWaiting = false
    /// Nothing more is read: the other side said all, or too much.
    private var isEnding = false

    init(number: UInt64, socket: Int32, user: UInt32, now: Int64) {
        self.number = number
        self.socket = socket
        self.user = user
        end = now + ControlConnection.idleMilliseconds
    }

    /// What poll is to look at: nothing while a request is answered.
    var watched: Int32 { isWaiting ? -1 : socket }
    /// For what.
    var events: Int16 { Int16(isSending ? POLLOUT : POLLIN) }

    private var isSending: Bool { sent < output.count }

    /// Reads or sends what can be without waiting; `false` when the connection is over.
    mutating func serve(_ now: Int64) -> Bool {
        if isSending { return send(now) }
        guard read() else { return false }
        guard input.contains(UInt8(ascii: "\n")) else {
            if input.count < ControlConnection.requestBytes { return !isEnding }
            isEnding = true
            input = []
            return answer(
                ControlAnswer.failure("the request is longer than \(ControlConnection.requestBytes) bytes"), now)
        }
        return true
    }

    /// The next request, if one is there and the one before it is answered.
    mutating func takeRequest() -> String? {
        guard !isWaiting, !isSending, let end = input.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        defer { input.removeSubrange(...end) }
        isWaiting = true
        return String(decoding: input[..<end], as: UTF8.self)
    }

    /// The answer to the request is there; `false` when the connection is over.
    mutating func take(_ text: String, _ now: Int64) -> Bool {
        isWaiting = false
        return answer(text, now)
    }

    private mutating func answer(_ text: String, _ now: Int64) -> Bool {
        output = Array(text.utf8)
        sent = 0
        return send(now)
    }

    /// Reads what is there; `false` when the connection broke.
    private mutating func read() -> Bool {
        var bytes = [UInt8](repeating: 0, count: ControlConnection.requestBytes)
        while !isEnding, input.count < ControlConnection.requestBytes {
            let room = ControlConnection.requestBytes - input.count
            // SAFETY: the bytes outlive the call, and there is this much room.
            let count = unsafe recv(socket, &bytes, room, Int32(MSG_DONTWAIT))
            if count > 0 {
                input += bytes[..<count]
            } else if count == 0 {
                isEnding = true
            } else {
                return errno == EAGAIN || errno == EINTR
            }
        }
        return true
    }

    /// Sends what the other side takes; `false` when the connection broke, or everything is said.
    private mutating func send(_ now: Int64) -> Bool {
        while isSending {
            let start = sent
            let count = unsafe output.withUnsafeBytes { bytes in
                // SAFETY: the bytes outlive the call; `start` is within them.
                unsafe Glibc.send(
                    socket, bytes.baseAddress! + start, bytes.count - start, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
            guard count >= 0 else { return errno == EAGAIN || errno == EINTR }
            sent += count
            end = now + ControlConnection.idleMilliseconds
        }
        output = []
        sent = 0
        return !isEnding || input.contains(UInt8(ascii: "\n"))
    }
}
