import Glibc
import Synchronization

/// Lines for people on standard error.
package enum StandardError {
    /// Writes one line, whatever the message holds, in one call.
    package static func write(_ message: String) {
        var bytes = Array("\(printable(message))\n".utf8)
        let count = bytes.count
        // SAFETY: the bytes outlive the call. A line that is not taken whole has no better place to go.
        _ = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, count) }
    }

    /// Writes one line if that can be done without waiting. Files and terminals that work always are ready, and so is
    /// one that answers with an error; a pipe that is ready has room for what is written here.
    package static func writeWithoutWaiting(_ message: String) {
        gate.withLock { _ in
            var entry = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
            // SAFETY: one entry.
            guard unsafe poll(&entry, 1, 0) != 0 else { return }
            write(String(decoding: message.utf8.prefix(1000), as: UTF8.self))
        }
    }

    private static let gate = Mutex(())

    /// Text that does nothing to a terminal: newlines become blanks, other control characters question marks.
    package static func printable(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control: result.append(scalar == "\n" || scalar == "\t" ? " " : "?")
            case .format, .lineSeparator, .paragraphSeparator: result.append("?")
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
