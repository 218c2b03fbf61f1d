import CLinuxMemory
import Glibc
import Synchronization

/// Frames of daemons that are gone, which programs still map: they take memory until the last program lets them go, and
/// count against what frames may take.
package final class FormerFrames: Sendable {
    private let state: Mutex<State>
    private let known: Atomic<Int>
    /// Nanoseconds from one look to the next, where there are any.
    private static let interval: UInt64 = 60_000_000_000

    private struct State {
        /// Bytes by file.
        var files: [FileIdentity: Int]
        var looked: UInt64
    }

    /// Looks for them in all processes that this one may look at.
    package init() {
        let files = Self.find { _ in true }
        state = Mutex(State(files: files, looked: lm_monotonic_nanoseconds()))
        known = Atomic(files.values.reduce(0, +))
    }

    /// Bytes that they take. Looks again once a minute, until there are none.
    package var bytes: Int {
        if known.load(ordering: .relaxed) > 0 { lookAgain(after: Self.interval) }
        return known.load(ordering: .relaxed)
    }

    /// Forgets those that are gone, if the last look is so long ago.
    package func lookAgain(after interval: UInt64) {
        state.withLock { state in
            let now = lm_monotonic_nanoseconds()
            guard now >= state.looked + interval else { return }
            // Others are frames of today.
            let before = state.files
            state.files = Self.find { before[$0] != nil }
            state.looked = now
            known.store(state.files.values.reduce(0, +), ordering: .relaxed)
        }
    }

    // MARK: -

    /// Bytes of files of frames that no daemon writes, by file.
    private static func find(_ isWanted: (FileIdentity) -> Bool) -> [FileIdentity: Int] {
        var files: [FileIdentity: Int] = [:]
        var living: Set<FileIdentity> = []
        for process in processes() {
            var mapped: [FileIdentity: Int] = [:]
            for line in Self.framesMapped(by: process) {
                if line.isWritten { living.insert(line.file) }
                guard isWanted(line.file) else { continue }
                // Of who may not look into files: what one program maps of it, at least.
                mapped[line.file, default: 0] += line.length
                let bytes = files[line.file] ?? line.storedBytes(ofProcess: process) ?? mapped[line.file]!
                files[line.file] = max(files[line.file] ?? 0, bytes)
            }
            for (file, length) in mapped { files[file] = max(files[file] ?? 0, length) }
        }
        // A daemon that lives has its own mapping to write them.
        return files.filter { !living.contains($0.key) }
    }

    private static func processes() -> [Int32] {
        // SAFETY: a directory stream of our own, closed below; names end with a zero byte.
        guard let folder = unsafe opendir("/proc") else { return [] }
        defer { unsafe closedir(folder) }
        var processes: [Int32] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { name in
                unsafe String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let number = Int32(name) { processes.append(number) }
        }
        return processes
    }

    private static func framesMapped(by process: Int32) -> [Line] {
        let file = unsafe "/proc/\(process)/maps".withCString { unsafe lm_open($0, Int32(LM_O_RDONLY)) }
        guard file >= 0 else { return [] }
        defer { _ = lm_close(file) }
        var lines: [Line] = []
        var rest: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            // SAFETY: the buffer has that many bytes.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe lm_read(file, $0.baseAddress, $0.count) }
            guard count > 0 else { return lines }
            rest += buffer[..<count]
            let parts = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            for part in parts.dropLast() where part.suffix(Line.name.count).elementsEqual(Line.name) {
                if let line = Line(part) { lines.append(line) }
            }
            rest = Array(parts.last ?? [])
        }
    }

    /// A mapping of frames.
    private struct Line {
        static let name = Array("/memfd:samepage-frames (deleted)".utf8)

        var range: Substring
        var length: Int
        var file: FileIdentity
        /// Whether frames are written through it.
        var isWritten: Bool

        init?(_ bytes: ArraySlice<UInt8>) {
            let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 5)
            guard fields.count == 6, let node = UInt64(fields[4]) else { return nil }
            let ends = fields[0].split(separator: "-").compactMap { Int($0, radix: 16) }
            guard ends.count == 2, ends[0] < ends[1] else { return nil }
            range = fields[0]
            length = ends[1] - ends[0]
            // Files without a name are all of one device.
            file = FileIdentity(device: 0, inode: node)
            isWritten = fields[1].hasPrefix("rw") && fields[1].hasSuffix("s")
        }

        /// What the whole file takes; `nil` for those who may not look at it.
        func storedBytes(ofProcess process: Int32) -> Int? {
            var status = stat()
            let path = "/proc/\(process)/map_files/\(range)"
            // SAFETY: a string terminated by zero and a local structure.
            guard unsafe path.withCString({ unsafe stat($0, &status) }) == 0 else { return nil }
            return Int(status.st_blocks) * 512
        }
    }
}
