public import FrontEnd
import Glibc
public import Merger

/// Shows a merger's counters in one line of a terminal, again and again: front end `terminal`.
///
/// Writes to standard error, and only if that is a terminal; elsewhere it stays silent.
public struct TerminalView: FrontEnd {
    /// Milliseconds between two looks.
    public var interval: Int

    /// Makes a view.
    ///
    /// - Parameter interval: Milliseconds between two looks, at least 10.
    public init(interval: Int = 100) { self.interval = max(10, interval) }

    /// `terminal`.
    public var name: String { "terminal" }

    /// Redraws the line until the task is cancelled, and clears it then.
    public func run(_ control: any MergerControl) async throws {
        guard isatty(STDERR_FILENO) == 1 else { return }
        while !Task.isCancelled {
            draw(Self.line(for: try control.counters(), pageSize: control.pageSize))
            try? await Task.sleep(for: .milliseconds(interval))
        }
        draw("")
    }

    /// One line of at most 79 characters.
    public static func line(for counters: Counters, pageSize: Int) -> String {
        let saved = (counters.pagesSharing + counters.zeroPages) * pageSize / (1 << 20)
        return "scan \(counters.fullScans + 1)  scanned \(counters.pagesScanned)  shared \(counters.pagesShared)  "
            + "sharing \(counters.pagesSharing)  zeros \(counters.zeroPages)  saved \(saved) MiB"
    }

    private func draw(_ line: String) {
        var bytes = Array("\r\u{1B}[K\(line.prefix(79))".utf8)
        let count = bytes.count
        // SAFETY: the bytes outlive the call. A terminal that does not take them all loses a bit of a progress line.
        _ = unsafe bytes.withUnsafeMutableBytes { unsafe write(STDERR_FILENO, $0.baseAddress, count) }
    }
}
