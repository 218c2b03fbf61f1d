import Glibc
import Logging

/// Writes each message as one line to standard error: time, level, message. One that would have to wait, because
/// nobody reads what is there, is lost: a log must not keep the daemon from its work.
struct LineLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel: Logger.Level

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }
        all.merge(event.metadata ?? [:]) { $1 }
        let details = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        StandardError.writeWithoutWaiting("\(Self.time()) \(event.level): \(event.message)\(details)")
    }

    /// The time now, UTC: `2026-11-23T03:17:49Z`.
    private static func time() -> String {
        var now = time_t()
        var parts = unsafe tm()
        // SAFETY: both are local and outlive the calls.
        unsafe Glibc.time(&now)
        unsafe gmtime_r(&now, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return unsafe "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
            + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
    }
}
