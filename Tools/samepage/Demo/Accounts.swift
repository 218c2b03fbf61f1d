import Glibc

/// What the kernel says about this process: memory, time, CPU.
package enum Accounts {
    /// Anonymous memory of this process in bytes: `Anonymous` of /proc/self/smaps_rollup.
    static func anonymousBytes() throws(CommandFailure) -> Int {
        guard let text = read("/proc/self/smaps_rollup"), let bytes = kibibytes("Anonymous", in: text) else {
            throw CommandFailure("/proc/self/smaps_rollup cannot be read: mount /proc, on Linux 4.14 or later")
        }
        return bytes
    }

    /// Bytes that the machine can give without swapping, if it says.
    static func availableBytes() -> Int? { read("/proc/meminfo").flatMap { kibibytes("MemAvailable", in: $0) } }

    /// The value of a line such as `Anonymous:   1234 kB`, in bytes.
    package static func kibibytes(_ name: String, in text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix(name + ":") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count == 3, words[2] == "kB", let value = Int(words[1]) else { return nil }
            return value * 1024
        }
        return nil
    }

    /// Time that passes.
    static func wallNanoseconds() -> UInt64 { nanoseconds(CLOCK_MONOTONIC) }

    /// CPU time of all threads of this process, as the scheduler counts it.
    static func cpuNanoseconds() -> UInt64 { nanoseconds(CLOCK_PROCESS_CPUTIME_ID) }

    private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        // SAFETY: the structure outlives the call; these clocks always exist.
        _ = unsafe clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// The text of a small file of the kernel.
    private static func read(_ path: String) -> String? {
        // SAFETY: the path outlives the call.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let size = buffer.count
            // SAFETY: the buffer outlives the call and has this size.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, size) }
            guard count >= 0 else { return nil }
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += buffer[..<count]
        }
    }
}

/// Time and CPU used since a moment.
struct Stopwatch {
    private let wall = Accounts.wallNanoseconds()
    private let cpu = Accounts.cpuNanoseconds()

    var wallSeconds: Double { Double(Accounts.wallNanoseconds() - wall) / 1e9 }
    var cpuSeconds: Double { Double(Accounts.cpuNanoseconds() - cpu) / 1e9 }
}
