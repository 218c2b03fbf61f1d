import CLinuxMemory
import Glibc
import PageChecksum
import Remap
import Synchronization
import Wire

/// What an agent does with an answer.
enum AnswerAction: Sendable {
    case send
    /// Says nothing, now and later.
    case keepSilent
    /// Closes the connection.
    case leave
}

/// An agent in a thread of the test: it speaks the language of agents over a real socket, and its merged pages are
/// real private mappings of the frames that it is sent. Unlike a real agent's its memory is only written through it.
/// It answers truthfully, unless its hook makes it misbehave.
@safe
final class FakeAgent: @unchecked Sendable {
    /// Called with each answer before it is sent, and may change it.
    typealias Hook = @Sendable (FakeAgent, WireKind, inout [UInt8]) -> AnswerAction

    let checksum: any PageChecksum
    private let lock = Mutex<Void>(())
    /// The descriptor, -1 once it is closed: with its own lock, so that nobody uses a number that another file has got.
    private let socket: Mutex<Int32>
    private var thread = pthread_t()
    private let isStopped = Atomic<Bool>(false)
    private let hook = Mutex<Hook?>(nil)
    /// Guarded by the lock, as all that follows.
    var memory = FakeMemory()
    var segments: [UInt32: FakeSegment] = [:]
    var upload: UnsafeMutableRawPointer?
    var welcome: WireWelcome?
    var refusal: String?
    var settings: WireSettings?
    /// Messages received, by kind.
    var received: [WireKind: Int] = [:]
    /// Every segment file that was ever received.
    var files: Set<UInt64> = []
    private var isSilent = false
    /// Whether there are no map entries for merging.
    var lacksEntries = false

    /// Starts to answer on a socket.
    init(socket: Int32, checksum: any PageChecksum) {
        self.socket = Mutex(socket)
        self.checksum = checksum
        // SAFETY: `stop` joins the thread before the agent goes.
        unsafe pthread_create(
            &thread, nil,
            { argument in
                unsafe Unmanaged<FakeAgent>.fromOpaque(argument!).takeUnretainedValue().run()
                return nil
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Ends the thread and gives everything back, as a process that ends.
    func stop() {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        pthread_join(thread, nil)
        locked {
            leave()
            for segment in segments.values { segment.drop() }
            segments.removeAll()
            memory.removeAll()
            if let upload = unsafe upload { unsafe munmap(upload, WireLimit.uploadPages * pageSize) }
            unsafe upload = nil
        }
    }

    func locked<Result>(_ body: () throws -> Result) rethrows -> Result { try lock.withLock { _ in try body() } }

    /// Makes the agent change, or withhold, what it answers.
    func misbehave(_ new: Hook?) { hook.withLock { $0 = new } }

    /// The descriptor of the connection; -1 once it is closed.
    var connection: Int32 { socket.withLock { $0 } }

    /// Closes the connection.
    func leave() {
        socket.withLock { descriptor in
            guard descriptor >= 0 else { return }
            _ = lm_close(descriptor)
            descriptor = -1
        }
    }

    /// Sends any bytes, with a descriptor if one is named.
    func send(_ bytes: [UInt8], passing descriptor: Int32? = nil) {
        let list = descriptor.map { [$0] } ?? []
        // SAFETY: both arrays outlive the call.
        _ = unsafe bytes.withUnsafeBytes { message in
            unsafe list.withUnsafeBufferPointer { passed in
                socket.withLock {
                    unsafe lm_send($0, message.baseAddress, message.count, passed.baseAddress, Int32(passed.count))
                }
            }
        }
    }

    /// Announces areas.
    func announce(_ areas: [WireArea]) { send(message(WireHeader(.areaAdded, count: areas.count), areas)) }

    /// Says that areas are gone.
    func retract(_ areas: [UInt32]) {
        let list = areas.map { WireArea(area: $0, pageCount: 0, firstPage: 0) }
        send(message(WireHeader(.areaRemoved, count: areas.count), list))
    }

    private func run() {
        let memory = MessageMemory()
        while !isStopped.load(ordering: .relaxed) {
            let descriptor = connection
            guard descriptor >= 0 else { return }
            var entry = lm_poll_entry(descriptor: descriptor, events: Int16(LM_POLL_IN), found: 0)
            // SAFETY: one entry.
            guard unsafe lm_poll(&entry, 1, 20_000_000) > 0 else { continue }
            guard receive(memory) else { return }
        }
    }

    private func receive(_ memory: MessageMemory) -> Bool {
        // SAFETY: the memory has the capacity given.
        let got = socket.withLock { unsafe lm_receive($0, memory.buffer.bytes, memory.buffer.capacity) }
        guard got.size > 0 else { return got.size == -Int(LM_EAGAIN) }
        memory.buffer.received(got.size)
        guard let head = memory.buffer.take(WireHeader.self), let kind = WireKind(rawValue: head.kind) else {
            return true
        }
        locked { received[kind, default: 0] += 1 }
        guard kind.rawValue >= WireKind.observe.rawValue else {
            locked { take(kind, head, &memory.buffer, [got.descriptors.0, got.descriptors.1]) }
            return true
        }
        var answer = locked { self.answer(kind, head, &memory.buffer) }
        let action = isSilent ? .keepSilent : hook.withLock { $0 }?(self, kind, &answer) ?? .send
        switch action {
        case .send: send(answer)
        case .keepSilent: isSilent = true
        case .leave:
            locked { leave() }
            return false
        }
        return true
    }
}

/// A message buffer of its own.
final class MessageMemory {
    var buffer: WireBuffer

    init() {
        // SAFETY: freed by deinit.
        buffer = unsafe WireBuffer(
            bytes: .allocate(byteCount: WireLimit.message, alignment: 64), capacity: WireLimit.message)
    }

    deinit { unsafe buffer.bytes.deallocate() }
}

let pageSize = 4096

/// The bytes of values, one after the other.
func bytes<Value: BitwiseCopyable>(_ values: [Value]) -> [UInt8] {
    var result: [UInt8] = []
    for value in values { unsafe withUnsafeBytes(of: value) { unsafe result.append(contentsOf: $0) } }
    return result
}

func message<Value: BitwiseCopyable>(_ head: WireHeader, _ values: [Value]) -> [UInt8] { bytes([head]) + bytes(values) }
