import CLinuxMemory
import Wire

/// Decides who is served, by the kernel's word: who a process is, and which domain it belongs to.
struct Reception: Sendable {
    /// Bytes in a page.
    var pageSize: Int
    /// The user that runs the daemon.
    var ownUser: UInt32
    /// The group of clients; `nil` for none. With one, a daemon serves other users than its own.
    var clientGroup: UInt32?
    /// The salt of processes that have none.
    var salt: UInt64
    /// Whether processes in user namespaces below the daemon's are served.
    var servesNamespaces = false
    /// Patterns of the names of programs that are not merged, divided by colons.
    var unmergedPrograms = ""
    /// Which domain a process belongs to.
    var membership = Membership()

    /// Receives the first message of a connection.
    ///
    /// - Returns: `nil` when the other side has closed, or only said what it starts.
    /// - Throws: ``Refusal``, why the process is not served.
    func hear(_ descriptor: Int32) throws(Refusal) -> Guest? {
        guard let (received, hello) = try Self.receive(descriptor) else { return nil }
        guard hello.version == WireLimit.version else {
            throw Refusal(
                "its agent speaks version \(hello.version) and the daemon version \(WireLimit.version): "
                    + "use agent and daemon of the same release"
            )
        }
        guard Int(hello.pageSize) == pageSize else {
            throw Refusal("its pages have \(hello.pageSize) bytes, the daemon's \(pageSize)")
        }
        if hello.flags & WireHello.asks != 0 {
            Self.say(WireHeader(.settings), Array(unmergedPrograms.utf8), descriptor)
            return nil
        }
        let peer = lm_peer_credentials(descriptor)
        guard received.pid > 0, received.uid >= 0, received.gid >= 0 else {
            throw Refusal("the kernel does not say who it is: it is in another PID namespace")
        }
        guard peer.pid == received.pid, peer.uid == received.uid, peer.gid == received.gid else {
            throw Refusal("the connection was made by another process, or with the rights of another user")
        }
        let user = UInt32(received.uid)
        let group = UInt32(received.gid)
        guard ownUser == 0 || user == ownUser || clientGroup != nil else {
            throw Refusal(
                "the daemon is user \(ownUser)'s own: start one as root, or with clientGroup, to serve others")
        }
        // Whoever took over such a daemon would have root's memory, too.
        guard ownUser == 0 || user != 0 else {
            throw Refusal("the daemon runs as user \(ownUser): root's programs are served by root's daemon only")
        }
        if ProcessFacts.areUsersAmbiguous,
            user == ProcessFacts.overflowUser || group == ProcessFacts.overflowGroup
        {
            throw Refusal("its user or group is not known in the daemon's user namespace")
        }
        return try examine(descriptor, received.pid, user, group, hello)
    }

    private func examine(
        _ descriptor: Int32, _ pid: Int32, _ user: UInt32, _ group: UInt32, _ hello: WireHello
    ) throws(Refusal) -> Guest? {
        let pidfd = lm_peer_pidfd(descriptor)
        guard pidfd >= 0 else {
            throw Refusal.withoutDescriptors(pidfd)
                ?? Refusal("the kernel gives no pidfd of it: \(SocketFile.errorText(-pidfd))")
        }
        var isTaken = false
        defer { if !isTaken { _ = lm_close(pidfd) } }
        let facts = try ProcessFacts(pid: pid)
        guard facts.user == user, facts.group == group else {
            throw Refusal("the process has changed its user or group")
        }
        guard facts.namespaceOwner == nil || servesNamespaces else {
            throw Refusal(
                "it is in a user namespace of user \(facts.namespaceOwner ?? user): to serve such, set userNamespaces")
        }
        // It lives, so its number was not another's meanwhile.
        guard !ClientIdentity.hasEnded(pidfd) else { throw Refusal("the process has ended") }
        guard !isUnmerged(pid) else { throw Refusal("the key noMerge names it") }
        if hello.flags & WireHello.starts != 0 {
            try membership.start(facts, under: hello.salt)
            Self.say(WireHeader(.settings), [], descriptor)
            return nil
        }
        isTaken = true
        let key = membership.key(facts, salt: hello.salt == 0 ? salt : hello.salt)
        return Guest(
            descriptor: descriptor,
            identity: ClientIdentity(pid: pid, user: user, group: group, pidfd: pidfd, command: facts.command),
            key: key, hello: hello,
            mayHaveDevice: user == 0 || user == ownUser || isMember(descriptor, group))
    }

    /// Whether a process runs a program that is not merged.
    private func isUnmerged(_ pid: Int32) -> Bool {
        guard !unmergedPrograms.isEmpty,
            let name = DomainRule.executable(ofProcess: pid)?.split(separator: "/").last
        else { return false }
        // SAFETY: the buffers are used within the calls only.
        return unsafe Array(name.utf8).withUnsafeBufferPointer { name in
            unsafe Array(unmergedPrograms.utf8).withUnsafeBufferPointer {
                unsafe UnmergedPrograms.isListed(name, in: $0)
            }
        }
    }

    /// Whether who connected is in the group of clients.
    private func isMember(_ descriptor: Int32, _ group: UInt32) -> Bool {
        guard let clientGroup else { return false }
        if group == clientGroup { return true }
        var groups = [UInt32](repeating: UInt32.max, count: 65536)
        // SAFETY: as many entries as the array has.
        let count = unsafe groups.withUnsafeMutableBufferPointer {
            unsafe lm_peer_groups(descriptor, $0.baseAddress, $0.count)
        }
        return count > 0 && groups[..<min(count, groups.count)].contains(clientGroup)
    }

    private static func receive(_ descriptor: Int32) throws(Refusal) -> (lm_received, WireHello)? {
        let head = MemoryLayout<WireHeader>.size
        let size = head + MemoryLayout<WireHello>.size
        var received = lm_received()
        // One byte more than is right, to see what is too long.
        let message: (WireHeader, WireHello)? = unsafe withUnsafeTemporaryAllocation(byteCount: size + 1, alignment: 8)
        {
            room in
            // SAFETY: as many bytes as the room has; the buffer bounds what is read of them.
            unsafe received = lm_receive_words(descriptor, room.baseAddress, room.count)
            guard received.size == size, received.cut == 0 else { return nil }
            var buffer = unsafe WireBuffer(bytes: room.baseAddress!, capacity: room.count)
            buffer.received(size)
            guard let header = buffer.take(WireHeader.self), let hello = buffer.take(WireHello.self) else { return nil }
            return (header, hello)
        }
        if received.size <= 0 { return nil }
        guard let (header, hello) = message,
            header.kind == WireKind.hello.rawValue, header.flags == 0, header.count == 0, header.sequence == 0
        else {
            throw Refusal("its first message is none that the daemon knows: use agent and daemon of the same release")
        }
        return (received, hello)
    }

    /// Tells a process why it is not served, and closes.
    static func refuse(_ descriptor: Int32, _ text: String) {
        let bytes = Array(text.utf8.prefix(WireLimit.text))
        say(WireHeader(.refused, count: bytes.count), bytes, descriptor)
        _ = lm_close(descriptor)
    }

    /// Sends one message; what does not arrive is not needed.
    private static func say(_ header: WireHeader, _ bytes: [UInt8], _ descriptor: Int32) {
        let capacity = MemoryLayout<WireHeader>.size + bytes.count
        unsafe withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 8) { room in
            // SAFETY: the room outlives its use.
            var buffer = unsafe WireBuffer(bytes: room.baseAddress!, capacity: room.count)
            buffer.begin(header)
            for byte in bytes { _ = buffer.append(byte) }
            _ = unsafe lm_send(descriptor, buffer.bytes, buffer.size, nil, 0)
        }
    }
}
