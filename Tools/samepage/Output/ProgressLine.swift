import Glibc

/// One line on the terminal that says how far a step is; silent where standard error is no terminal.
struct ProgressLine {
    private let isShown = isatty(STDERR_FILENO) == 1
    private var nextNanoseconds: UInt64 = 0

    /// Shows how much of a step is done, at most ten times a second.
    mutating func show(_ step: String, done: Int, of all: Int) {
        guard isShown else { return }
        let now = Accounts.wallNanoseconds()
        guard now >= nextNanoseconds else { return }
        nextNanoseconds = now + 100_000_000
        draw("\(step) \(done * 100 / max(1, all)) %")
    }

    /// Clears the line.
    mutating func clear() {
        nextNanoseconds = 0
        if isShown { draw("") }
    }

    private func draw(_ text: String) {
        var bytes = Array("\r\u{1B}[K\(text)".utf8)
        let count = bytes.count
        // SAFETY: the bytes outlive the call. A terminal that does not take them all loses a bit of a progress line.
        _ = unsafe bytes.withUnsafeMutableBytes { unsafe write(STDERR_FILENO, $0.baseAddress, count) }
    }
}
