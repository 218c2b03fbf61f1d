import Synchronization

/// What the daemon's memory cgroups leave for frames. Where a group has a limit the kernel does not refuse memory beyond
/// it: it kills. So frames stop short of it, and pages stay as they are.
struct GroupMemory {
    /// What all stores of this process take from.
    static let ofProcess = Mutex(GroupMemory())

    /// Bytes that may be taken before the groups are looked at again.
    private var allowance = 0
    /// What there is where no group has a limit. One may come.
    private static let withoutLimit = 1 << 30
    /// Bytes left to the daemon itself, at least.
    private static let least = 8 << 20

    /// Whether so many bytes may be taken; they count as taken then.
    ///
    /// - Complexity: O(1), and some files are read after every quarter of what is left.
    mutating func take(_ bytes: Int) -> Bool {
        if allowance < bytes {
            allowance = Self.room(in: Self.groups())
            guard allowance >= bytes else { return false }
            // Others of the group take memory too.
            allowance = max(bytes, allowance / 4)
        }
        allowance -= bytes
        return true
    }

    /// Bytes that frames may still take in all of some groups.
    static func room(in groups: [Group]) -> Int {
        groups.reduce(withoutLimit) { room, group in
            guard let limit = group.limit, let usage = group.usage else { return room }
            let reserve = max(least, limit / 16)
            if limit - usage - reserve >= room { return room }
            // What the kernel can give back at once is counted in it.
            return min(room, max(0, limit - usage - reserve + group.reclaimable))
        }
    }

    /// The groups that the process is in, with all above them.
    static func groups() -> [Group] {
        var groups: [Group] = []
        for line in (SmallFile.text("/proc/self/cgroup") ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let isUnified = fields[1].isEmpty
            guard isUnified || fields[1].split(separator: ",").contains("memory") else { continue }
            var path = fields[2]
            while true {
                groups.append(Group(path: path == "/" ? "" : String(path), isUnified: isUnified))
                guard path.count > 1, let end = path.lastIndex(of: "/") else { break }
                path = path[..<end]
            }
        }
        return groups
    }

    /// One memory cgroup, of either version.
    struct Group: Hashable {
        private let folder: String
        private let isUnified: Bool

        /// - Parameter path: From the root of its hierarchy; empty for the root.
        init(path: String, isUnified: Bool) {
            folder = (isUnified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory") + path
            self.isUnified = isUnified
        }

        /// The limit in bytes; `nil` without one.
        var limit: Int? { number(isUnified ? "memory.max" : "memory.limit_in_bytes") }
        /// Bytes in use.
        var usage: Int? { number(isUnified ? "memory.current" : "memory.usage_in_bytes") }

        /// Bytes of files that were read once.
        var reclaimable: Int {
            let name = isUnified ? "inactive_file " : "total_inactive_file "
            let lines = SmallFile.text("\(folder)/memory.stat")?.split(separator: "\n") ?? []
            return lines.first { $0.hasPrefix(name) }.flatMap { Int($0.dropFirst(name.utf8.count)) } ?? 0
        }

        private func number(_ file: String) -> Int? {
            SmallFile.text("\(folder)/\(file)").flatMap { Int($0.filter { !$0.isWhitespace }) }
        }
    }
}
