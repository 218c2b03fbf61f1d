import CLinuxMemory
import Glibc

/// Why a process is not served: a line for it and for the log.
struct Refusal: Error, Hashable, Sendable {
    let text: String
    /// Whether it says something of the daemon's means, and nothing of the process.
    var isShortage = false

    init(_ text: String) { self.text = text }

    /// The refusal for a call that failed for want of descriptors; `nil` if it did not.
    ///
    /// - Parameter result: A descriptor, or minus the error number.
    static func withoutDescriptors(_ result: Int32) -> Refusal? {
        guard result == -EMFILE || result == -ENFILE else { return nil }
        var refusal = Refusal(
            "the daemon has no descriptors left: start it with a higher limit (ulimit -n, LimitNOFILE=)")
        refusal.isShortage = true
        return refusal
    }
}

/// What the kernel says of a process in /proc.
struct ProcessFacts: Hashable, Sendable {
    var user: UInt32
    var group: UInt32
    /// Who made the user namespace that it is in; `nil` in the daemon's own.
    var namespaceOwner: UInt32?
    var rights: DomainKey.Rights
    var confinement: Confinement
    var start: ProcessStart
    var parent: Int32
    var command: String

    /// Looks at a process. Whoever asks makes sure afterwards that it still lives: else the number may be another's by
    /// now.
    ///
    /// - Throws: ``Refusal`` when the process cannot be looked at, or has rights that its user has not.
    init(pid: Int32) throws(Refusal) {
        guard let status = SmallFile.text("/proc/\(pid)/status"),
            let command = SmallFile.text("/proc/\(pid)/comm")
        else { throw Self.cannotLook }
        let lines = status.split(separator: "\n")
        let user = try Self.onlyNumber("Uid:", in: lines)
        let group = try Self.onlyNumber("Gid:", in: lines)
        let permitted = Self.fields("CapPrm:", in: lines).first.flatMap { UInt64($0, radix: 16) }
        guard let permitted else { throw Self.cannotLook }
        guard let userNamespace = FileIdentity(path: "/proc/\(pid)/ns/user"),
            let processNamespace = FileIdentity(path: "/proc/\(pid)/ns/pid")
        else {
            throw Refusal(
                "the daemon may not look at the process: it is another user's (the daemon needs CAP_SYS_PTRACE), "
                    + "has more rights than the daemon, or is not dumpable")
        }
        guard Self.owner(ofProcess: pid) == user else {
            throw Refusal("the process protects its memory from its own user (it is not dumpable)")
        }
        let effective = Self.fields("CapEff:", in: lines).first.flatMap { UInt64($0, radix: 16) } ?? 0
        let label = SmallFile.text("/proc/\(pid)/attr/current")
        if label == nil, let shortage = Self.shortage { throw shortage }
        guard let time = Self.startTime(ofProcess: pid) else { throw Self.cannotLook }
        self.user = user
        self.group = group
        namespaceOwner = UserNamespace.owner(ofProcess: pid)
        rights = DomainKey.Rights(
            capabilities: permitted, userNamespace: userNamespace, processNamespace: processNamespace)
        confinement = Confinement(
            noNewPrivileges: Self.fields("NoNewPrivs:", in: lines).first ?? "0",
            seccomp: Self.fields("Seccomp:", in: lines).first ?? "0", label: label ?? "",
            mayTraceAll: effective >> 19 & 1 != 0, ptraceScope: Confinement.ptraceScope())
        start = ProcessStart(pid: pid, time: time)
        parent = Self.fields("PPid:", in: lines).first.flatMap { Int32($0) } ?? 0
        let name = command.hasSuffix("\n") ? command.dropLast() : command[...]
        // A program chooses its name, and the name goes to logs and terminals.
        self.command = String(name.map { $0.unicodeScalars.allSatisfy(Self.isPlain) ? $0 : "?" })
    }

    /// Why a process cannot be looked at: because the daemon cannot open files any more, or else.
    private static var cannotLook: Refusal { shortage ?? Refusal("the process cannot be looked at in /proc") }

    /// The refusal where the daemon cannot open files any more.
    private static var shortage: Refusal? {
        let descriptor = unsafe "/proc/self/status".withCString { unsafe lm_open($0, Int32(LM_O_RDONLY)) }
        if descriptor >= 0 { _ = lm_close(descriptor) }
        return Refusal.withoutDescriptors(descriptor)
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse: false
        default: true
        }
    }

    /// When a process began; `nil` if there is none.
    static func startTime(ofProcess pid: Int32) -> UInt64? {
        // The name in brackets may hold anything; the number is the twentieth after it.
        guard let text = SmallFile.text("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[end...].split(separator: " ")
        return fields.count > 20 ? UInt64(fields[20]) : nil
    }

    /// The parent of a process; `nil` if there is none.
    static func parent(ofProcess pid: Int32) -> Int32? {
        guard let text = SmallFile.text("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[end...].split(separator: " ")
        return fields.count > 2 ? Int32(fields[2]) : nil
    }

    private static func fields(_ name: String, in lines: [Substring]) -> [Substring] {
        guard let line = lines.first(where: { $0.hasPrefix(name) }) else { return [] }
        return line.dropFirst(name.utf8.count).split(whereSeparator: \.isWhitespace)
    }

    /// The number that the real, effective, saved and file system rights of a process agree on.
    private static func onlyNumber(_ name: String, in lines: [Substring]) throws(Refusal) -> UInt32 {
        let numbers = Set(fields(name, in: lines))
        guard numbers.count == 1, let number = numbers.first.flatMap({ UInt32($0) }) else {
            throw Refusal("the process runs with the rights of more than one user or group")
        }
        return number
    }

    /// Whom the kernel gives the files of a process to: its user, or root if it is not dumpable.
    private static func owner(ofProcess pid: Int32) -> UInt32? {
        var status = stat()
        // SAFETY: a string terminated by zero and a local structure.
        guard unsafe "/proc/\(pid)/status".withCString({ unsafe stat($0, &status) }) == 0 else { return nil }
        return status.st_uid
    }

    /// Whether the daemon may see the namespaces of other users' processes: CAP_SYS_PTRACE.
    static var mayLookAtOthers: Bool {
        let lines = (SmallFile.text("/proc/self/status") ?? "").split(separator: "\n")
        return fields("CapEff:", in: lines).first.flatMap { UInt64($0, radix: 16) }.map { $0 >> 19 & 1 != 0 } ?? false
    }

    /// Whether user numbers may stand for several users here: in a user namespace that does not map them all.
    static let areUsersAmbiguous: Bool = {
        guard let map = SmallFile.text("/proc/self/uid_map") else { return true }
        let numbers = map.split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) }
        return numbers.count != 3 || numbers[2] < UInt64(UInt32.max)
    }()

    /// The number that stands for users and groups that are not mapped.
    static let overflowUser = number("/proc/sys/kernel/overflowuid") ?? 65534
    static let overflowGroup = number("/proc/sys/kernel/overflowgid") ?? 65534

    private static func number(_ path: String) -> UInt32? {
        SmallFile.text(path).flatMap { UInt32($0.filter { !$0.isWhitespace }) }
    }
}

/// Reads small files.
enum SmallFile {
    /// The first 16 KiB of a file, as text; `nil` if it cannot be read.
    static func text(_ path: String) -> String? {
        let descriptor = unsafe path.withCString { unsafe lm_open($0, Int32(LM_O_RDONLY)) }
        guard descriptor >= 0 else { return nil }
        defer { _ = lm_close(descriptor) }
        var bytes: [UInt8] = []
        while bytes.count < 16384 {
            let piece = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                // SAFETY: the buffer has room for 4096 bytes; as many as were read are initialised.
                count = unsafe max(0, lm_read(descriptor, buffer.baseAddress, 4096))
            }
            if piece.isEmpty { break }
            bytes += piece
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
