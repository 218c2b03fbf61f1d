import CLinuxMemory
import Glibc
import Wire

/// Whether a daemon answers programs.
enum DaemonPresence {
    /// What `samepage run` says when the program cannot merge yet; `nil` when a daemon is there.
    static func note(_ path: String) -> String? {
        var objection: String?
        return switch connect(path, { objection = Self.objection($0, path) }) {
        case 0: objection.map { "\($0); nothing merges" }
        case EACCES, EPERM: "\(refusal(path)); nothing merges until then"
        default: "no daemon answers on \(path): memory merges once 'samepage daemon' runs there"
        }
    }

    /// Tells the daemon under which name this process, as the program that it becomes, and its children share.
    ///
    /// - Returns: Why they do not, in a line; `nil` if they do.
    static func announce(_ name: String, to path: String) -> String? {
        var answer: String? = "the daemon on \(path) does not answer: confined programs do not share by name"
        let error = connect(path) { socket in
            guard let (kind, text) = ask(socket, WireHello.starts, salt: fnv1a(name.utf8), within: 2_000_000_000) else {
                return
            }
            answer = kind == .settings ? nil : "confined programs do not share by name: \(text)"
        }
        return error == 0 ? answer : "the daemon on \(path) cannot be told the name to share by"
    }

    /// The programs that the daemon's key `noMerge` names, divided by colons; empty where there is no daemon to ask.
    static func unmergedPrograms(_ path: String) -> String {
        var patterns = ""
        _ = connect(path) { socket in
            guard objection(socket, path) == nil, let (kind, text) = ask(socket, WireHello.asks, within: 200_000_000),
                kind == .settings
            else {
                return
            }
            patterns = text
        }
        return patterns
    }

    /// Says something to the daemon at a connected socket: the kind and the text of its answer, `nil` without one within so
    /// many nanoseconds.
    private static func ask(_ socket: Int32, _ flags: UInt32, salt: UInt64 = 0, within patience: Int64) -> (
        kind: WireKind?, text: String
    )? {
        var hello = WireHello()
        hello.pageSize = UInt32(clamping: lm_page_size())
        hello.flags = flags
        hello.salt = salt
        let capacity = WireLimit.text + MemoryLayout<WireHeader>.size
        return unsafe withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 8) { room in
            // SAFETY: the room outlives the buffer, which bounds what is written and read of it.
            var message = unsafe WireBuffer(bytes: room.baseAddress!, capacity: room.count)
            message.begin(WireHeader(.hello))
            _ = message.append(hello)
            var entry = lm_poll_entry(descriptor: socket, events: Int16(LM_POLL_IN), found: 0)
            // SAFETY: the message lies in the room, and there is one entry.
            guard unsafe lm_send(socket, message.bytes, message.size, nil, 0) == message.size,
                unsafe lm_poll(&entry, 1, patience) > 0
            else { return nil }
            // SAFETY: as many bytes as the room has.
            let received = unsafe lm_receive_words(socket, room.baseAddress, room.count)
            guard received.size > 0 else { return nil }
            message.received(received.size)
            guard let head = message.take(WireHeader.self) else { return nil }
            var text: [UInt8] = []
            while let byte = message.take(UInt8.self) { text.append(byte) }
            return (WireKind(rawValue: head.kind), String(decoding: text, as: UTF8.self))
        }
    }

    private static func fnv1a(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    }

    /// Connects to the daemon's socket for programs, and closes again: 0, or the error number.
    ///
    /// - Parameter use: Gets the connected socket.
    static func connect(_ path: String, _ use: (Int32) -> Void = { _ in }) -> Int32 {
        let socket = lm_socket()
        guard socket >= 0 else { return -socket }
        defer { close(socket) }
        var bytes = Array(path.utf8CString)
        // SAFETY: the path has this many bytes.
        let result = unsafe lm_connect(socket, &bytes, bytes.count - 1)
        if result == 0 { use(socket) }
        return -result
    }

    /// Why the daemon at a connected socket is not obeyed here, by the rule of the agent; `nil` if it is.
    static func objection(_ socket: Int32, _ path: String) -> String? {
        switch unsafe path.withCString({ unsafe SocketTrust(ofSocket: socket, at: $0) }) {
        case .trusted: nil
        case .stranger:
            "the daemon on \(path) is user \(userName(UInt32(bitPattern: lm_peer_credentials(socket).uid)))'s, and only root's, "
                + "your own and that of the user in /etc/samepage/daemon-user are obeyed"
        case .openPath:
            "\(path) is not obeyed: others may put a socket there; use a path in folders that are root's or yours, "
                + "and that nobody else may write to"
        }
    }

    /// Who may use a socket that this user may not use, and what to do.
    static func refusal(_ path: String) -> String {
        var status = stat()
        // SAFETY: the structure outlives the call.
        guard unsafe stat(path, &status) == 0 else {
            return "\(path) may not be reached: ask who runs the daemon for a path that you may use"
        }
        let who = "\(path) belongs to user \(userName(status.st_uid)) and group \(groupName(status.st_gid))"
        if status.st_mode & S_IWGRP != 0 {
            return "\(who): become a member of group \(groupName(status.st_gid))"
        }
        return "\(who) and is for that user only: ask who runs the daemon to set clientGroup"
    }

    private static func userName(_ number: UInt32) -> String {
        // SAFETY: the entry is copied before another call can change it.
        unsafe getpwuid(number).map { unsafe String(cString: $0.pointee.pw_name) } ?? String(number)
    }

    private static func groupName(_ number: UInt32) -> String {
        // SAFETY: the entry is copied before another call can change it.
        unsafe getgrgid(number).map { unsafe String(cString: $0.pointee.gr_name) } ?? String(number)
    }
}
