import CLinuxMemory
import Glibc
import Testing
import Wire

/// Stands in for a daemon: welcomes one program, and notes which areas that adds and removes. It asks only for what a
/// test makes it ask.
@safe
final class StandInDaemon {
    /// Areas that the program of this connection has added, and not removed, by number.
    private(set) var areas: [UInt32: WireArea] = [:]
    /// Areas that were removed, and that nobody had added to this connection.
    private(set) var strangers: Set<UInt32> = []
    private let listener: Int32
    private var connection: Int32 = -1
    /// The other side of the connection has closed it.
    private(set) var hasEnded = false
    private var sequence: UInt64 = 0

    /// Listens at a path at which nothing is.
    init(path: String) throws {
        listener = lm_socket()
        // SAFETY: the text outlives the call.
        let bound = unsafe path.withCString { unsafe lm_bind(listener, $0, path.utf8.count) }
        try #require(listener >= 0 && bound == 0 && lm_listen(listener, 8) == 0, "no socket at \(path)")
    }

    deinit {
        _ = lm_close(listener)
        leave()
    }

    private func leave() {
        if connection >= 0 { _ = lm_close(connection) }
        (connection, hasEnded) = (-1, false)
    }

    /// Waits for a program to connect, and welcomes it, in words that `change` has changed.
    func welcome(_ change: (inout [UInt8]) -> Void = { _ in }) async throws {
        // The one before is left to the program.
        let previous = connection
        defer { if previous >= 0 { _ = lm_close(previous) } }
        (connection, areas) = (-1, [:])
        try await eventually("a program says hello", within: .seconds(20), every: .milliseconds(2)) {
            if connection < 0 { connection = lm_accept(listener) }
            guard connection >= 0 else { return false }
            if let message = receive(), message.head.kind == WireKind.hello.rawValue {
                // The flags stand behind two numbers of 4 bytes.
                if message.body.count > 8, message.body[8] & UInt8(WireHello.asks) == 0 { return true }
                // `samepage run` asks which programs are not merged, and goes.
                leave()
                return false
            }
            // It looks whether somebody listens, and goes.
            if hasEnded { leave() }
            return false
        }
        var welcome = WireWelcome()
        welcome.checksum = WireChecksum.xxh3.rawValue
        var message = bytes(of: WireHeader(.welcome)) + bytes(of: welcome)
        change(&message)
        try send(message)
    }

    /// Sends any bytes as one message, with a descriptor if one is given; false if the program has closed the connection.
    @discardableResult
    func send(_ bytes: [UInt8], passing descriptor: Int32? = nil) throws -> Bool {
        let descriptors = descriptor.map { [$0] } ?? []
        // SAFETY: both arrays outlive the call.
        let sent = unsafe bytes.withUnsafeBytes { message in
            unsafe descriptors.withUnsafeBufferPointer {
                unsafe lm_send(connection, message.baseAddress, message.count, $0.baseAddress, Int32($0.count))
            }
        }
        if sent == -Int(EPIPE) || sent == -Int(ECONNRESET) { hasEnded = true }
        if hasEnded { return false }
        try #require(sent == bytes.count, "sent \(sent) bytes of \(bytes.count)")
        return true
    }

    /// Sends a request, and waits for what stands behind the head of its answer; `nil` if the program closes instead.
    func ask(_ kind: WireKind, count: Int = 0, _ body: [UInt8] = []) async throws -> [UInt8]? {
        sequence += 1
        guard try send(bytes(of: WireHeader(kind, count: count, sequence: sequence)) + body) else { return nil }
        let end = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < end {
            if let message = receive() {
                if message.head.isAnswer, message.head.sequence == sequence { return message.body }
                continue
            }
            if hasEnded { return nil }
            try await Task.sleep(for: .microseconds(200))
        }
        throw Trouble("no answer to \(kind)")
    }

    /// Waits until the program has so many areas here.
    func expect(areas count: Int) async throws {
        try await eventually(
            "\(count) areas", within: .seconds(10), every: .milliseconds(2),
            {
                while receive() != nil {}
                return areas.count == count
            }, found: { "\(self.areas) are known" })
    }

    /// Waits for the only area of the program.
    func expectOneArea() async throws -> WireArea {
        try await expect(areas: 1)
        return try #require(areas.values.first)
    }

    /// From now on the program can send nothing any more, and does not hear of it.
    func stopReceiving() { shutdown(connection, Int32(SHUT_RD)) }

    /// Takes a message, if there is one.
    private func receive() -> (head: WireHeader, body: [UInt8])? {
        unsafe withUnsafeTemporaryAllocation(byteCount: WireLimit.message, alignment: 8) { memory in
            // SAFETY: the memory has the capacity given.
            let got = unsafe lm_receive(connection, memory.baseAddress, memory.count)
            hasEnded = got.size == 0 || got.size == -Int(ECONNRESET)
            guard got.size > 0 else { return nil }
            var message = unsafe WireBuffer(bytes: memory.baseAddress!, capacity: memory.count)
            message.received(got.size)
            guard let head = message.take(WireHeader.self) else { return nil }
            switch WireKind(rawValue: head.kind) {
            case .areaAdded: while let area = message.take(WireArea.self) { areas[area.area] = area }
            case .areaRemoved:
                while let area = message.take(WireArea.self) {
                    if areas.removeValue(forKey: area.area) == nil { strangers.insert(area.area) }
                }
            default: break
            }
            return unsafe (head, Array(memory[MemoryLayout<WireHeader>.size..<got.size]))
        }
    }

    /// Waits until the program closes the connection.
    func expectToBeLeft() async throws {
        try await eventually("the program leaves", within: .seconds(5), every: .milliseconds(2)) {
            while receive() != nil {}
            return hasEnded
        }
    }
}

/// The bytes of a structure of the wire.
func bytes(of value: some BitwiseCopyable) -> [UInt8] {
    // SAFETY: the value outlives the call, and its structure has no padding.
    unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
}

extension StandInDaemon {
    /// A daemon at a path of its own, and a program with marked memory that it welcomes, in words that `change` has changed. In the
    /// end the program's memory must be as it was.
    static func welcome(
        pages: Int, marking command: String = "mark", _ change: (inout [UInt8]) -> Void = { _ in },
        _ body: (StandInDaemon, Worker) async throws -> Void
    ) async throws {
        let folder = try Folder()
        let socket = "\(folder.path)/socket"
        let daemon = try StandInDaemon(path: socket)
        var worker = try await Worker.start([Machine.samepage, "run", "--socket", socket, "--"])
        try await worker.map(pages: pages, seed: 1000)
        try await worker.tell(command)
        try await daemon.welcome(change)
        try await body(daemon, worker)
        try await worker.verify()
        let ended = try await worker.child.finish()
        #expect(ended == 0, "\(worker.child.errors)")
    }
}
