import Glibc

/// Lines for people on standard error.
package enum StandardError {
    /// Writes one line, whatever the message holds, in one call.
    package static func write(_ message: String) {
        var bytes = Array("\(printable(message))\n".utf8)
        let count = bytes.count
        // SAFETY: the bytes outlive the call. A line that is not taken whole has no better place to go.
        _ = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, count) }
    }

    /// Whether a line can be written without waiting. Files and terminals that work always are, and so is one that
    /// answers with an error.
    package static var isReady: Bool {
        var entry = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        // SAFETY: one entry.
        return unsafe poll(&entry, 1, 0) != 0
    }

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
