import Assembly
import CLinuxMemory
@testable import ControlSocket
import Daemon
import FrontEnd
import Glibc
import Logging

/// Whatever is sent to the control socket, and, as an answer, to those who ask it.
enum ControlTarget {
    static func run(_ input: [UInt8]) {
        var script = Script(input)
        let mode = script.byte()
        if mode & 1 != 0 { readAnswer(script.rest()) } else { ask(script.rest(), piece: Int(mode >> 1) + 1) }
    }

    /// Requests, in pieces, to a daemon that does not run.
    private static func ask(_ bytes: [UInt8], piece: Int) {
        var pair: [Int32] = [-1, -1]
        guard unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair) == 0,
            let daemon = makeDaemon()
        else { return }
        defer { close(pair[0]) }
        var connection = ControlConnection(number: 1, socket: pair[0], user: 0, now: 0)
        var start = 0
        var isOpen = true
        while isOpen, start < bytes.count {
            let end = min(bytes.count, start + piece * 16)
            // SAFETY: the bytes outlive the call.
            _ = unsafe bytes[start..<end].withUnsafeBytes {
                unsafe send(pair[1], $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL))
            }
            start = end
            if end == bytes.count { shutdown(pair[1], Int32(SHUT_WR)) }
            isOpen = connection.serve(1)
            while isOpen, let request = connection.takeRequest() {
                let answer = ControlAnswer.text(to: request, from: daemon)
                precondition(answer.hasSuffix("\n"), "an answer that has no end")
                let lines = answer.utf8.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
                precondition(
                    lines.last == "ok" || lines.count == 1 && answer.hasPrefix("error "), "an answer of another kind")
                if request == "status" {
                    precondition((try? ControlStatus(lines: lines.dropLast())) != nil, "a status nobody reads")
                }
                isOpen = connection.take(answer, 1)
                drain(pair[1])
            }
        }
        close(pair[1])
    }

    private static func drain(_ socket: Int32) {
        var room = [UInt8](repeating: 0, count: 65536)
        // SAFETY: the room is that large.
        while unsafe recv(socket, &room, 65536, 0) > 0 {}
    }

    /// Lines of an answer, as `samepage status` reads them.
    private static func readAnswer(_ bytes: [UInt8]) {
        let lines = bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        if let status = try? ControlStatus(lines: lines) {
            let again = status.text.utf8.split(separator: UInt8(ascii: "\n")).map {
                String(decoding: $0, as: UTF8.self)
            }
            precondition((try? ControlStatus(lines: again)) == status, "a status that is read as another")
        }
        for line in lines {
            let text = ControlText.unescaped(line)
            let written = ControlText.escaped(text)
            precondition(!written.utf8.contains(where: { $0 < 0x20 }), "an escaped text with a control character")
            precondition(
                Array(ControlText.unescaped(written).utf8) == Array(text.utf8), "a text that is read as another")
        }
    }

    static func makeDaemon() -> SamepageDaemon? {
        let logger = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
        return try? SamepageDaemon(settings: DaemonSettings(), description: MergerDescription(), logger: logger) {
            try SamepageConfiguration().makeParts()
        }
    }
}
