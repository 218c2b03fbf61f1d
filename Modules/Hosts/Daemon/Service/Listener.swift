import CLinuxMemory
import SystemThreads
import Wire

/// A process that has said who it is, on its way to its domain.
struct Guest: Sendable {
    /// The connection; now the taker's.
    var descriptor: Int32
    var identity: ClientIdentity
    var key: DomainKey
    var hello: WireHello
    /// Whether it may be handed /dev/userfaultfd.
    var mayHaveDevice: Bool
}

/// Accepts connections and hears who they are: one thread for the whole daemon, which sleeps while nobody connects.
final class Listener: Sendable {
    /// Nanoseconds for the first message.
    static let patience: UInt64 = 2_000_000_000
    /// Connections that have not said who they are, in all and of one user.
    static let mostWaiting = 256
    static let mostWaitingOfUser = 64
    /// Connections of one user in a second: looking at who it is costs a fifth of a millisecond.
    static let mostOfUserInSecond = 512

    let socket: SocketFile
    private let reception: Reception
    private let gate: LogGate
    private let wakeUp: WakeDescriptor
    private let ended = Moment()
    /// Gives a process that may be served to its domain; throws why it cannot be served now.
    private let welcome: @Sendable (Guest) throws(Refusal) -> Void

    init(
        socket: SocketFile, reception: Reception, gate: LogGate,
        welcome: @escaping @Sendable (Guest) throws(Refusal) -> Void
    ) throws(DaemonError) {
        self.socket = socket
        self.reception = reception
        self.gate = gate
        self.welcome = welcome
        wakeUp = WakeDescriptor()
        guard wakeUp.descriptor >= 0 else { throw SocketFile.failure("no eventfd can be made", wakeUp.descriptor) }
        guard BackgroundThread.start("samepage-listen", { [self] in loop() }) == 0 else {
            throw DaemonError("the daemon's thread cannot be started: no memory or threads left")
        }
    }

    /// Ends the thread; connections that have not said who they are close.
    func stop() {
        wakeUp.ring()
        ended.wait()
    }

    private struct Waiting {
        var descriptor: Int32
        var user: Int32
        var deadline: UInt64
    }

    private func loop() {
        var waiting: [Waiting] = []
        var polls: [lm_poll_entry] = []
        // After a shortage of descriptors nobody is accepted for a second.
        var closedUntil: UInt64 = 0
        var rates = ConnectionRates()
        while true {
            let now = lm_monotonic_nanoseconds()
            let isOpen = now >= closedUntil && waiting.count < Self.mostWaiting
            polls.removeAll(keepingCapacity: true)
            polls.append(lm_poll_entry(descriptor: wakeUp.descriptor, events: Int16(LM_POLL_IN), found: 0))
            polls.append(
                lm_poll_entry(descriptor: isOpen ? socket.descriptor : -1, events: Int16(LM_POLL_IN), found: 0))
            for one in waiting {
                polls.append(lm_poll_entry(descriptor: one.descriptor, events: Int16(LM_POLL_IN), found: 0))
            }
            var deadline = waiting.map(\.deadline).min()
            if now < closedUntil { deadline = min(deadline ?? closedUntil, closedUntil) }
            let time = deadline.map { Int64($0 - min($0, now)) } ?? -1
            // SAFETY: as many entries as the array has.
            _ = unsafe polls.withUnsafeMutableBufferPointer { unsafe lm_poll($0.baseAddress, $0.count, time) }
            if polls[0].found != 0 { break }
            let found = Set(polls.dropFirst(2).filter { $0.found != 0 }.map(\.descriptor))
            let after = lm_monotonic_nanoseconds()
            waiting.removeAll { one in
                if found.contains(one.descriptor) {
                    receive(from: one.descriptor)
                    return true
                }
                guard after >= one.deadline else { return false }
                gate.warn(
                    "silent \(one.user)", "a process of user \(one.user) connected and did not say who it is: closed")
                _ = lm_close(one.descriptor)
                return true
            }
            if polls[1].found != 0, !accept(into: &waiting, &rates, at: after) { closedUntil = after + 1_000_000_000 }
        }
        for one in waiting { _ = lm_close(one.descriptor) }
        ended.signal()
    }

    /// Accepts who waits; false when the system has no descriptor left.
    private func accept(into waiting: inout [Waiting], _ rates: inout ConnectionRates, at now: UInt64) -> Bool {
        // Those who connect faster than that must not keep the others from being heard.
        for _ in 0..<Self.mostWaiting where waiting.count < Self.mostWaiting {
            let descriptor = lm_accept(socket.descriptor)
            switch -descriptor {
            case ...0: break
            case Int32(LM_EINTR), 103: continue  // ECONNABORTED
            case Int32(LM_EAGAIN): return true
            default:
                let reason = SocketFile.errorText(-descriptor)
                gate.warn("accept", "no connection can be accepted for now: \(reason)")
                return false
            }
            _ = lm_socket_option(descriptor, Int32(LM_SO_PASSCRED), 1)
            let peer = lm_peer_credentials(descriptor)
            // All numbers of one user count as one.
            let user = UserNamespace.owner(ofProcess: peer.pid).map { Int32(bitPattern: $0) } ?? peer.uid
            guard rates.count(user, at: now) <= Self.mostOfUserInSecond,
                waiting.count(where: { $0.user == user }) < Self.mostWaitingOfUser
            else {
                gate.warn("crowd \(user)", "user \(user) opens too many connections at once: some are closed")
                _ = lm_close(descriptor)
                continue
            }
            waiting.append(Waiting(descriptor: descriptor, user: user, deadline: now + Self.patience))
        }
        return true
    }

    /// Connections of each user in the second under way.
    private struct ConnectionRates {
        private var counts: [Int32: Int] = [:]
        private var start: UInt64 = 0

        /// One more; how many that makes.
        mutating func count(_ user: Int32, at now: UInt64) -> Int {
            if now &- start >= 1_000_000_000 {
                counts.removeAll(keepingCapacity: true)
                start = now
            }
            counts[user, default: 0] += 1
            return counts[user, default: 0]
        }
    }

    /// Hears who a process is, and passes it on or refuses it.
    private func receive(from descriptor: Int32) {
        do throws(Refusal) {
            guard let guest = try reception.hear(descriptor) else {
                _ = lm_close(descriptor)
                return
            }
            do throws(Refusal) {
                try welcome(guest)
            } catch {
                if guest.identity.pidfd >= 0 { _ = lm_close(guest.identity.pidfd) }
                throw error
            }
        } catch {
            let peer = lm_peer_credentials(descriptor)
            gate.warn(
                "refused", ofUser: Int64(UserNamespace.owner(ofProcess: peer.pid) ?? UInt32(bitPattern: peer.uid)),
                because: error.text,
                "process \(peer.pid) of user \(peer.uid) is not served: \(error.text)")
            Reception.refuse(descriptor, error.text)
        }
    }
}
