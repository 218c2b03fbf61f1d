import Glibc

/// What the kernel says about memory and time.
package enum Accounts {
    /// What one process has of its own, in bytes, by /proc/PID/smaps_rollup.
    package struct Process: Hashable, Sendable {
        /// Anonymous memory, also if it is swapped out.
        package var anonymousBytes = 0
        /// Its part of memory that files in memory hold, as those with merged contents.
        package var sharedBytes = 0

        /// Reads the text of smaps_rollup; `nil` if a line is missing.
        package init?(smapsRollup text: String) {
            guard let anonymous = kibibytes("Anonymous", in: text), let shared = kibibytes("Pss_Shmem", in: text)
            else { return nil }
            anonymousBytes = anonymous + (kibibytes("Swap", in: text) ?? 0)
            sharedBytes = shared
        }
    }

    /// The accounts of a process of this user.
    ///
    /// - Parameter pid: Its number; `nil` for this process.
    static func process(_ pid: Int32? = nil) throws(CommandFailure) -> Process {
        let path = "/proc/\(pid.map { "\($0)" } ?? "self")/smaps_rollup"
        guard let text = read(path), let process = Process(smapsRollup: text) else {
            throw CommandFailure("\(path) cannot be read: mount /proc, on Linux 5.4 or later")
        }
        return process
    }

    /// CPU time of Samepage's own threads in a process, in nanoseconds, as the scheduler counts it: the agent's, and those of
    /// the daemon. They have names of their own; the process's first thread is its program's.
    ///
    /// - Parameter pid: Its number; `nil` for this process.
    static func mergingNanoseconds(_ pid: Int32? = nil) -> UInt64 {
        let process = pid ?? getpid()
        let threads = "/proc/\(process)/task"
        var sum: UInt64 = 0
        for thread in FileWalk.names(in: threads) where thread != String(process) {
            guard read("\(threads)/\(thread)/comm")?.hasPrefix("samepage") == true,
                let words = read("\(threads)/\(thread)/schedstat")?.split(separator: " "),
                let time = words.first.flatMap({ UInt64($0) })
            else { continue }
            sum += time
        }
        return sum
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
    static func wallNanoseconds() -> UInt64 {
        var time = timespec()
        // SAFETY: the structure outlives the call; this clock always exists.
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
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
