import Glibc

/// Memory of a process.
struct Area {
    let process: pid_t
    let start: UInt
    let bytes: Int

    /// As `count_duplicates` wants it.
    var argument: String { "\(process):\(start)-\(start + UInt(bytes))" }

    /// Bytes of the area that are the process's own, by /proc/PID/smaps.
    var ownBytes: Int { Accounts.own(of: process, from: start, to: start + UInt(bytes)) }
}

/// The kernel's accounts of memory.
enum Accounts {
    /// All that a process has for itself: Anonymous of smaps_rollup.
    static func own(of process: pid_t) -> Int { field("Anonymous", ofFile: "/proc/\(process)/smaps_rollup") }

    private static func field(_ name: String, ofFile path: String) -> Int {
        Machine.text(ofFile: path).split(separator: "\n").reduce(0) { $0 + (bytes($1, name) ?? 0) }
    }

    /// Anonymous of the mappings within a range.
    static func own(of process: pid_t, from start: UInt, to end: UInt) -> Int {
        var sum = 0
        var isInside = false
        for line in Machine.text(ofFile: "/proc/\(process)/smaps").split(separator: "\n") {
            if let first = line.first, first.isNumber || first.isLowercase {
                let addresses = line.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
                isInside = addresses.count == 2 && addresses[0] < end && addresses[1] > start
            } else if isInside {
                sum += bytes(line, "Anonymous") ?? 0
            }
        }
        return sum
    }

    /// The inode numbers of the files that an area's pages map.
    static func files(mappedIn area: Area) -> [Int] {
        Machine.text(ofFile: "/proc/\(area.process)/maps").split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            let addresses = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard addresses.count == 2, fields.count > 4, let inode = Int(fields[4]), inode != 0 else { return nil }
            return addresses[0] < area.start + UInt(area.bytes) && addresses[1] > area.start ? inode : nil
        }
    }

    private static func bytes(_ line: Substring, _ name: String) -> Int? {
        guard line.hasPrefix(name), line.dropFirst(name.count).first == ":" else { return nil }
        return line.dropFirst(name.count + 1).split(separator: " ").first.flatMap { Int($0) }.map { $0 << 10 }
    }

    /// Blocks of files in memory that a process has open or mapped, and that have a text in their names.
    static func stored(by process: pid_t, name: String = "memfd:samepage") -> Int {
        var files: [UInt64: Int] = [:]
        for folder in ["fd", "map_files"] {
            for entry in Machine.names(inFolder: "/proc/\(process)/\(folder)") {
                let path = "/proc/\(process)/\(folder)/\(entry)"
                guard let target = Machine.target(ofLink: path), target.contains(name) else { continue }
                var found = stat()
                // SAFETY: the structure outlives the call.
                if unsafe stat(path, &found) == 0 { files[UInt64(found.st_ino)] = Int(found.st_blocks) * 512 }
            }
        }
        return files.values.reduce(0, +)
    }
    /// The folders in /proc of a process's threads of a name.
    static func threads(of process: pid_t, name: String? = nil) -> [String] {
        Machine.names(inFolder: "/proc/\(process)/task").map { "/proc/\(process)/task/\($0)" }.filter { folder in
            name.map { Machine.text(ofFile: "\(folder)/comm") == "\($0)\n" } ?? true
        }
    }

    /// How long a thread could have run and had no processor.
    static func waited(_ thread: String) -> Duration {
        let fields = Machine.text(ofFile: "\(thread)/schedstat").split(separator: " ")
        return .nanoseconds(fields.count > 1 ? Int64(fields[1]) ?? 0 : 0)
    }
}
