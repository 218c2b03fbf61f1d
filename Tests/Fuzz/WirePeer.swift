import CLinuxMemory
import Glibc
import PageChecksum
import Remap
import Synchronization
import Wire

/// A client on the other end of a connection, in a thread: it answers each request, truthfully or as the script says.
/// Its pages hold one of three contents each.
final class WirePeer: @unchecked Sendable {
    static let pageSize = 4096

    private let socket: Int32
    private let script: Mutex<Script>
    private let digests: [PageDigest]
    private var thread = pthread_t()
    /// The thread's own: the upload buffer, and areas that were observed.
    private var upload: Int32 = -1
    private var observed: Set<UInt32> = []
    private var room = [UInt8](repeating: 0, count: WireLimit.message)

    init(socket: Int32, script: Script, checksum: any PageChecksum) {
        self.socket = socket
        self.script = Mutex(script)
        digests = (0..<3).map {
            // SAFETY: bytes of an array are initialized.
            unsafe checksum.digest(of: WirePeer.content($0).span.bytes)
        }
    }

    private static func content(_ kind: Int) -> [UInt8] { [UInt8](repeating: UInt8(kind), count: pageSize) }

    func start() {
        // SAFETY: `end` joins the thread before the peer goes.
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                unsafe Unmanaged<WirePeer>.fromOpaque(argument!).takeUnretainedValue().answerAll()
                return nil
            }, Unmanaged.passUnretained(self).toOpaque())
        precondition(result == 0)
    }

    /// Waits for the thread, which ends when the other side has closed.
    func end() {
        pthread_join(thread, nil)
        close(socket)
        if upload >= 0 { close(upload) }
    }

    /// Sends anything.
    func send(_ message: [UInt8]) {
        // SAFETY: the bytes outlive the call.
        _ = unsafe message.withUnsafeBytes { unsafe lm_send(socket, $0.baseAddress, $0.count, nil, 0) }
    }

    /// The bytes of a structure.
    static func bytes<Value: BitwiseCopyable>(_ value: Value) -> [UInt8] {
        unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
    }

    private func answerAll() {
        while true {
            var entry = lm_poll_entry(descriptor: socket, events: Int16(LM_POLL_IN), found: 0)
            // SAFETY: one entry.
            _ = unsafe lm_poll(&entry, 1, -1)
            // SAFETY: the room is that large.
            let got = unsafe room.withUnsafeMutableBytes {
                unsafe lm_receive(socket, $0.baseAddress!, $0.count)
            }
            guard got.size > 0 else {
                if got.size == -Int(LM_EAGAIN) || got.size == -Int(LM_EINTR) { continue }
                return
            }
            take(got)
        }
    }

    private func take(_ got: lm_received) {
        let passed = [got.descriptors.0, got.descriptors.1].filter { $0 >= 0 }
        unsafe room.withUnsafeMutableBytes { bytes in
            var buffer = unsafe WireBuffer(bytes: bytes.baseAddress!, capacity: bytes.count)
            buffer.received(got.size)
            guard let head = buffer.take(WireHeader.self), let kind = WireKind(rawValue: head.kind) else {
                fatalError("the daemon sent what is no message")
            }
            if kind == .welcome, upload < 0, let first = passed.first {
                upload = first
            } else {
                for descriptor in passed { close(descriptor) }
            }
            guard kind.rawValue >= WireKind.observe.rawValue else { return }
            let truth = truth(kind, head, &buffer)
            for message in script.withLock({ Self.replies(&$0, truth, head) }) {
                guard !message.isEmpty else {
                    shutdown(socket, Int32(SHUT_RDWR))
                    return
                }
                send(message)
            }
        }
    }

    /// What is sent instead of the truth; an empty message ends the connection.
    private static func replies(_ script: inout Script, _ truth: [UInt8], _ head: WireHeader) -> [[UInt8]] {
        switch script.byte() {
        case 1:
            // Bytes of the body are others.
            var changed = truth
            for _ in 0...(script.byte() & 7) where changed.count > 16 {
                changed[16 + Int(script.number(UInt16.self)) % (changed.count - 16)] = script.byte()
            }
            return [changed]
        case 2:
            // The body is the script's.
            return [
                bytes(
                    WireHeader(
                        WireKind(rawValue: head.kind)!, isAnswer: true, count: Int(script.number(UInt16.self)),
                        sequence: head.sequence)) + script.piece(unit: 8)
            ]
        case 3: return [script.piece(unit: 4)]
        case 4: return [Array(truth.prefix(Int(script.number(UInt16.self))))]
        case 5: return [WireTarget.announcement(&script), truth]
        case 6: return [truth, truth]
        case 7: return [[]]
        default: return [truth]
        }
    }

    /// The answer of an agent whose memory is as described.
    private func truth(_ kind: WireKind, _ head: WireHeader, _ buffer: inout WireBuffer) -> [UInt8] {
        var answer: [UInt8] = []
        var entries = 0
        func kindOf(_ area: UInt32, _ index: UInt32) -> Int { Int((area &+ index) % 3) }
        switch kind {
        case .observe:
            guard let range = buffer.take(WireRange.self) else { break }
            var body = WireObserved()
            body.pagesDone = range.count
            answer = Self.bytes(body)
            if observed.insert(range.area).inserted {
                entries = 1
                answer += Self.bytes(WireRun(start: range.start, count: range.count, state: .changed))
            }
        case .checksum, .upload:
            var set = WirePageSet()
            var list: [UInt8] = []
            for place in 0..<Int(head.count) {
                guard let page = buffer.take(WirePage.self) else { break }
                set.insert(place)
                let content = kindOf(page.area, page.index)
                if kind == .checksum {
                    list += Self.bytes(WireDigest(high: digests[content].high, low: digests[content].low))
                } else {
                    // SAFETY: a page of bytes.
                    _ = unsafe Self.content(content).withUnsafeBytes {
                        unsafe pwrite(upload, $0.baseAddress!, $0.count, place * Self.pageSize)
                    }
                }
            }
            entries = kind == .checksum ? Int(head.count) : 0
            answer = Self.bytes(set) + list
        case .merge, .unmerge:
            entries = Int(head.count)
            answer = Self.bytes(WireWork()) + [UInt8](repeating: RemapOutcome.merged.rawValue, count: entries)
        case .quiet:
            entries = Int(head.count)
            answer = Self.bytes(WireQuiet()) + (0..<entries).map { UInt8(truncatingIfNeeded: $0 % 3) }
        case .evacuate: answer = Self.bytes(WireWork())
        case .entries: answer = Self.bytes(WireEntries())
        case .statistics: answer = Self.bytes(WireStatistics())
        default: break
        }
        return Self.bytes(WireHeader(kind, isAnswer: true, count: entries, sequence: head.sequence)) + answer
    }
}
