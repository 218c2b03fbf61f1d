import Glibc

/// Root's word that programs share which the kernel may keep from reading one another: those of one user that meet all
/// of some criteria.
///
/// Written as `NAME CRITERION=VALUE ...`, with the criteria `user` (a name or a number), `executable` (a path),
/// `cgroup` (the path of one, which all below belong to) and `label` (of the security module, `*` for any text).
public struct DomainRule: Sendable, Hashable {
    /// The name of the domain.
    public let name: String
    private var users: UInt32?
    private var executable: String?
    private var cgroup: String?
    private var label: String?

    /// Reads a rule; `nil` if it is none.
    public init?(_ text: String) {
        let words = text.split(separator: " ")
        guard words.count >= 2, let name = words.first, !name.contains("=") else { return nil }
        self.name = String(name)
        for word in words.dropFirst() {
            guard let mark = word.firstIndex(of: "="), word.index(after: mark) < word.endIndex else { return nil }
            let value = String(word[word.index(after: mark)...])
            switch word[..<mark] {
            case "user":
                guard users == nil, let number = UInt32(value) ?? Self.number(ofUser: value) else { return nil }
                users = number
            case "executable":
                guard executable == nil, value.hasPrefix("/") else { return nil }
                executable = value
            case "cgroup":
                guard cgroup == nil else { return nil }
                cgroup = "/" + value.split(separator: "/").joined(separator: "/")
            case "label":
                guard label == nil else { return nil }
                label = value
            default: return nil
            }
        }
    }

    /// Whether it applies to a process.
    package func applies(toProcess pid: Int32, user: UInt32) -> Bool {
        if let users, users != user { return false }
        if let executable, Self.executable(ofProcess: pid) != executable { return false }
        if let cgroup,
            !Self.cgroups(SmallFile.text("/proc/\(pid)/cgroup") ?? "").contains(where: { isBelow(cgroup, $0) })
        {
            return false
        }
        if let label {
            let text = (SmallFile.text("/proc/\(pid)/attr/current") ?? "").filter { $0 != "\0" && !$0.isNewline }
            return !text.isEmpty && Self.matches(text[...], label[...])
        }
        return true
    }

    private func isBelow(_ folder: String, _ path: Substring) -> Bool {
        path == folder || path.hasPrefix(folder == "/" ? "/" : folder + "/")
    }

    /// The paths of a process's cgroups, from the roots of their hierarchies.
    private static func cgroups(_ text: String) -> [Substring] {
        text.split(separator: "\n").compactMap { line in
            line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).dropFirst(2).first
        }
    }

    /// Whether a text is what a pattern says, in which `*` stands for any text.
    package static func matches(_ text: Substring, _ pattern: Substring) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        guard first == "*" else { return text.first == first && matches(text.dropFirst(), pattern.dropFirst()) }
        return (0...text.count).contains { matches(text.dropFirst($0), pattern.drop { $0 == "*" }) }
    }

    /// The path of a process's program; `nil` where the kernel does not say.
    static func executable(ofProcess pid: Int32) -> String? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        // SAFETY: a string terminated by zero, and as many bytes as the array has.
        let count = unsafe bytes.withUnsafeMutableBytes { room in
            unsafe readlink("/proc/\(pid)/exe", room.baseAddress!.assumingMemoryBound(to: CChar.self), room.count)
        }
        return count > 0 && count < bytes.count ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    private static func number(ofUser name: String) -> UInt32? {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        var text = [CChar](repeating: 0, count: 1 << 16)
        // SAFETY: a string terminated by zero, local structures, and as many bytes as the array has.
        let result = unsafe name.withCString { name in
            unsafe text.withUnsafeMutableBufferPointer { text in
                unsafe getpwnam_r(name, &entry, text.baseAddress!, text.count, &found)
            }
        }
        return unsafe result == 0 && found != nil ? entry.pw_uid : nil
    }
}
