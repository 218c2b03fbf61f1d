import Glibc
import Testing

/// A memory cgroup of the test's own, of either version.
final class MemoryGroup {
    private let path: String
    private let isUnified: Bool

    /// Why none can be made; `nil` if one can.
    static let obstacle: String? = {
        do {
            _ = try MemoryGroup(limit: 1 << 30)
            return nil
        } catch {
            return "needs a memory cgroup that root can make groups in: \(error)"
        }
    }()

    init(limit: Int) throws {
        isUnified = Machine.exists("/sys/fs/cgroup/cgroup.controllers")
        let root = isUnified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
        if isUnified { Machine.write("+memory", toFile: "\(root)/cgroup.subtree_control") }
        path = "\(root)/samepage-tests-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        // SAFETY: the text outlives the call.
        if unsafe mkdir(path, 0o755) != 0 { throw Trouble("\(path) cannot be made: error \(errno)") }
        if !set(limit: limit) { throw Trouble("\(path) takes no limit") }
    }

    /// Sets the limit.
    @discardableResult
    func set(limit: Int) -> Bool {
        Machine.write("\(limit)", toFile: "\(path)/\(isUnified ? "memory.max" : "memory.limit_in_bytes")")
    }

    /// Leaves it hardly more than it uses, so many bytes: whoever takes more is killed.
    func tighten(leaving room: Int = 256 << 10) throws {
        for _ in 0..<100 {
            // The first version of cgroups refuses a limit below what is in use.
            if try set(limit: #require(usage) + room) { return }
        }
        throw Trouble("\(path) takes no lower limit")
    }

    /// What it uses now, in bytes.
    var usage: Int? { number(isUnified ? "memory.current" : "memory.usage_in_bytes") }

    /// The most that it has used, in bytes.
    var peak: Int? { number(isUnified ? "memory.peak" : "memory.max_usage_in_bytes") }

    private func number(_ file: String) -> Int? { Int(Machine.text(ofFile: "\(path)/\(file)").filter(\.isNumber)) }

    /// The command that becomes a command within the group.
    var prefix: [String] { ["/bin/sh", "-c", "echo $$ >\(path)/cgroup.procs && exec \"$@\"", "sh"] }

    deinit {
        // Its processes are gone, but for a moment.
        for _ in 0..<100 {
            // SAFETY: the text outlives the call.
            if unsafe rmdir(path) == 0 || errno != EBUSY { break }
            usleep(10_000)
        }
    }
}
