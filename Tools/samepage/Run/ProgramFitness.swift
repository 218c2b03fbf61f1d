import CLinuxMemory
import Glibc
import Wire

/// Whether memory of a program can merge, as far as can be said before it starts.
enum ProgramFitness: Equatable {
    /// The memory merges, as far as can be said.
    case fit
    /// It does not; the words end a sentence.
    case unfit(String)
    /// The program cannot even start.
    case unstartable

    /// The kernel follows as many scripts that other scripts read.
    private static let mostScripts = 5

    /// Looks at the file of a program.
    init(of program: String) {
        var path = program
        for _ in 0...Self.mostScripts {
            let subject = path == program ? "it" : "its interpreter \(path)"
            switch ProgramFile(path: path) {
            case .script(let interpreter):
                path = interpreter
                continue
            case .other:
                // A shell reads it.
                path = "/bin/sh"
                continue
            case .missing: self = .unstartable
            case .unreadable: self = .unfit("\(subject) may not be read")
            case .foreign: self = .unfit("\(subject) is for another kind of processor")
            case .statically: self = .unfit("\(subject) is statically linked")
            case .dynamic(let loader):
                if unsafe access(loader, X_OK) != 0, errno == ENOENT || errno == ENOTDIR {
                    self = .unstartable
                } else if let own = Self.ownLoader, Self.name(loader) != Self.name(own) {
                    self = .unfit("\(subject) uses another C library (\(loader))")
                } else if let rights = Self.gainedRights(path) {
                    self = .unfit("\(subject) \(rights)")
                } else {
                    self = Self.isConfined ? .unfit("a seccomp filter confines it") : .fit
                }
            }
            return
        }
        self = .unstartable
    }

    /// What is to say about a program that is not merged for its name; `nil` if nothing names it.
    static func objection(_ program: String, listed: String?) -> String? {
        guard let name = name(program) else { return nil }
        // SAFETY: the buffers are used within the calls only.
        return unsafe Array(name.utf8).withUnsafeBufferPointer { bytes in
            if let reason = unsafe UnmergedPrograms.reason(bytes) { return "\(name) is not merged: \(reason)" }
            let isListed = unsafe Array((listed ?? "").utf8).withUnsafeBufferPointer {
                unsafe UnmergedPrograms.isListed(bytes, in: $0)
            }
            return isListed ? "\(name) is not merged: SAMEPAGE_NO_MERGE or the daemon's key noMerge names it" : nil
        }
    }

    private static func name(_ path: String) -> Substring? { path.split(separator: "/").last }

    /// The loader of this program; the agent needs the same.
    private static var ownLoader: String? {
        if case .dynamic(let loader) = ProgramFile(path: "/proc/self/exe") { return loader }
        return nil
    }

    /// Programs that gain rights when they start are not handed libraries by those who start them.
    private static func gainedRights(_ path: String) -> String? {
        var status = stat()
        var volume = statvfs()
        // SAFETY: the structures outlive the calls.
        guard unsafe stat(path, &status) == 0, unsafe statvfs(path, &volume) == 0 else { return nil }
        // ST_NOSUID, and PR_SET_NO_NEW_PRIVS: no file gives rights.
        if volume.f_flag & 2 != 0 || ownStatus("NoNewPrivs") == "1" { return nil }
        if status.st_mode & S_ISUID != 0, status.st_uid != geteuid() { return "is setuid" }
        // Without the group's execute bit, the bit means something else.
        if status.st_mode & S_ISGID != 0, status.st_mode & S_IXGRP != 0, status.st_gid != getegid() {
            return "is setgid"
        }
        if getuid() != 0, unsafe lm_capabilities_size(path) > 0 { return "has file capabilities" }
        return nil
    }

    /// A seccomp filter that this process has, and the program will have, may end programs for what the agent does.
    private static var isConfined: Bool { isFiltered && lm_agent_calls_survive() != 1 }

    /// Why a program that is fit does not merge under the limits of this process, which it inherits; `nil` if it does. What
    /// it starts may have others.
    static var limit: String? {
        lm_address_space_is_limited() != 0 ? "its address space is limited (RLIMIT_AS, ulimit -v)" : nil
    }

    /// Whether a seccomp filter looks at what this process asks of the system.
    static var isFiltered: Bool { ownStatus("Seccomp") ?? "0" != "0" }

    /// A line of /proc/self/status.
    private static func ownStatus(_ name: String) -> String? {
        guard let text = try? TextFile.read("/proc/self/status") else { return nil }
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("\(name):") }) else { return nil }
        return line.split(whereSeparator: \.isWhitespace).last.map(String.init)
    }
}
