import CLinuxMemory
import FrontEnd
import Glibc

/// Serves connections on one thread until it is told to stop; waits in poll, and wakes for nothing else. What a merger
/// is asked runs on threads of its own, because an answer may take long: to unmerge everything, for example.
final class ControlServer {
    /// Connections of one user, and of all; root is not kept out by others.
    private static let connectionsOfUser = 16
    private static let connections = 128
    /// How long no connection is taken when the process has no descriptors left.
    private static let patienceMilliseconds: Int64 = 1000

    private let listener: ControlListener
    private let inbox: ControlInbox
    private let control: any MergerControl
    private var connections: [ControlConnection] = []
    private var lastNumber: UInt64 = 0
    private var acceptsFrom: Int64 = 0

    /// - Parameter inbox: Tells the server to end.
    init(_ listener: ControlListener, inbox: ControlInbox, control: any MergerControl) {
        self.listener = listener
        self.inbox = inbox
        self.control = control
    }

    /// Serves until it is told to stop; all connections are closed then.
    func serve() {
        while true {
            let now = ControlServer.milliseconds()
            var entries = [
                pollfd(fd: inbox.bell, events: Int16(POLLIN), revents: 0),
                pollfd(fd: now < acceptsFrom ? -1 : listener.socket, events: Int16(POLLIN), revents: 0),
            ]
            for connection in connections {
                entries.append(pollfd(fd: connection.watched, events: connection.events, revents: 0))
            }
            // SAFETY: the entries outlive the call.
            let found = unsafe poll(&entries, nfds_t(entries.count), timeout(from: now))
            guard found >= 0 || errno == EINTR else { break }
            let (answers, isStopped) = inbox.take()
            if isStopped { break }
            serveConnections(entries, answers)
            if entries[1].revents != 0 { acceptAll() }
        }
        for connection in connections { close(connection.socket) }
        connections = []
    }

    /// Milliseconds until something has to be looked at without news; -1 for never.
    private func timeout(from now: Int64) -> Int32 {
        let times = connections.compactMap(\.deadline) + (now < acceptsFrom ? [acceptsFrom] : [])
        guard let next = times.min() else { return -1 }
        return Int32(clamping: max(0, next - now) + 1)
    }

    private func serveConnections(_ entries: [pollfd], _ answers: [UInt64: String]) {
        let now = ControlServer.milliseconds()
        var kept: [ControlConnection] = []
        for (index, connection) in connections.enumerated() {
            var connection = connection
            var isOpen = true
            if let answer = answers[connection.number] {
                isOpen = connection.take(answer, now)
            } else if entries[index + 2].revents != 0 {
                isOpen = connection.serve(now)
            } else if let deadline = connection.deadline {
                isOpen = now < deadline
            }
            if isOpen, let request = connection.takeRequest() { start(request, for: connection) }
            if isOpen { kept.append(connection) } else { close(connection.socket) }
        }
        connections = kept
    }

    /// Has a request answered.
    private func start(_ request: String, for connection: ControlConnection) {
        let (number, user, control, inbox) = (connection.number, connection.user, control, inbox)
        let error = ControlThread.start {
            inbox.put(ControlAnswer.text(to: request, from: control.asSeen(by: user)), for: number)
        }
        if error != 0 { inbox.put(ControlAnswer.failure("no thread: \(errorText(error))"), for: number) }
    }

    private func acceptAll() {
        // Those who connect faster than that must not keep the others from being served.
        for _ in 0..<ControlServer.connections {
            let socket = lm_accept(listener.socket)
            guard socket >= 0 else {
                if -socket == EINTR || -socket == ECONNABORTED { continue }
                if -socket != EAGAIN {
                    acceptsFrom = ControlServer.milliseconds() + ControlServer.patienceMilliseconds
                }
                return
            }
            guard let user = ControlServer.user(of: socket), hasRoom(for: user) else {
                close(socket)
                continue
            }
            lastNumber += 1
            connections.append(
                ControlConnection(
                    number: lastNumber, socket: socket, user: user, now: ControlServer.milliseconds()))
        }
    }

    private func hasRoom(for user: UInt32) -> Bool {
        user == 0
            || connections.count < ControlServer.connections
                && connections.count { $0.user == user } < ControlServer.connectionsOfUser
    }

    /// Who connected, by the kernel's word.
    private static func user(of socket: Int32) -> UInt32? {
        // struct ucred: process, user, group.
        var credentials: (Int32, UInt32, UInt32) = (0, UInt32.max, 0)
        var size = socklen_t(MemoryLayout.size(ofValue: credentials))
        // SAFETY: the numbers outlive the call and have this size.
        guard unsafe getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 else { return nil }
        return credentials.1
    }

    /// A clock that never goes back.
    private static func milliseconds() -> Int64 { Int64(lm_monotonic_nanoseconds() / 1_000_000) }
}
