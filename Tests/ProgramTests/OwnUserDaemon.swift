import Glibc
import Testing

/// A daemon that runs as a user of its own, with CAP_SYS_PTRACE at the most, and serves the users of a group.
///
/// Root names its user in /etc/samepage/daemon-user, so that agents obey it; that stays. It finds a /dev/userfaultfd that belongs to a group of its own: in a mount namespace of its own, so that the
/// machine's stays as it is.
struct OwnUserDaemon {
    static let user = 20010
    private static let deviceGroup = 20011
    /// Group `users` of every Linux: its members are served.
    static let clientGroup = 100

    let daemon: TestDaemon
    /// Programs where every user can reach them.
    let folder: Folder

    /// Why there can be none here; `nil` if there can.
    static let obstacle: String? = {
        guard ["setpriv", "unshare", "mount", "mknod"].allSatisfy({ Machine.program($0) != nil }) else {
            return "needs setpriv, unshare, mount and mknod"
        }
        guard Machine.exists("/dev/userfaultfd") else { return "needs /dev/userfaultfd" }
        return clientGroupName == nil ? "needs a group of number \(clientGroup)" : nil
    }()

    private static let clientGroupName: String? = {
        for line in Machine.text(ofFile: "/etc/group").split(separator: "\n") {
            let fields = line.split(separator: ":")
            if fields.count > 2, Int(fields[2]) == clientGroup { return String(fields[0]) }
        }
        return nil
    }()

    private static let script = """
        set -e
        mknod -m 660 "$1/userfaultfd" c $(stat -c '0x%t 0x%T' /dev/userfaultfd)
        chgrp \(deviceGroup) "$1/userfaultfd"
        mount --bind "$1/userfaultfd" /dev/userfaultfd
        mkdir "$1/run"
        chown \(user):\(user) "$1/run"
        test -e /etc/samepage/daemon-user || { mkdir -p /etc/samepage && echo \(user) > /etc/samepage/daemon-user; }
        test -z "$4" || ulimit -n "$4"
        exec setpriv --reuid=\(user) --regid=\(user) --groups=\(clientGroup),\(deviceGroup) \
            --inh-caps="-all$2" --ambient-caps="-all$2" --bounding-set="-all$2" \
            "$1/samepage" daemon --socket "$1/run/socket" --client-group "$3"
        """

    /// Starts one.
    ///
    /// - Parameters:
    ///   - programs: Programs of Tests/Programs that are wanted in the folder.
    ///   - capability: The capabilities it gets, as setpriv names them: `+sys_ptrace`.
    ///   - descriptors: How many it may have open; `nil` for as many as the test.
    init(programs: [String], capability: String = "+sys_ptrace", descriptors: Int? = nil) async throws {
        folder = try Folder()
        var files = [Machine.samepage, Machine.agent]
        for name in programs { files.append(try await Programs.shared.path(name)) }
        try await folder.install(files)
        let child = try Child([
            try #require(Machine.program("unshare")), "-m", "/bin/sh", "-c", Self.script, "sh", folder.path,
            capability.isEmpty ? "" : ",\(capability)", try #require(Self.clientGroupName),
            descriptors.map { "\($0)" } ?? "",
        ])
        daemon = TestDaemon(socket: "\(folder.path)/run/socket", folder: folder, child: child)
        try await eventually("the daemon answers", within: .seconds(20)) { [daemon] in
            if child.hasEnded { throw Trouble("the daemon ended: \(child.errors)") }
            return try await daemon.command(["status", "--json"]).status == 0
        }
    }

    /// The command that becomes a command of an ordinary user.
    static func command(ofUser user: Int) throws -> [String] {
        [try #require(Machine.program("setpriv")), "--reuid=\(user)", "--regid=\(user)", "--groups=\(clientGroup)"]
    }

    /// A worker of a user, with memory that is marked.
    func worker(ofUser user: Int?, pages: Int, seed: Int) async throws -> Worker {
        let samepage = ["\(folder.path)/samepage", "run", "--socket", daemon.socket, "--", "\(folder.path)/worker"]
        let child = try Child((try user.map(Self.command) ?? []) + samepage)
        let process = try #require(pid_t(try await child.line().dropFirst("ready ".count)))
        var worker = Worker(child: child, process: process)
        try await worker.map(pages: pages, seed: seed)
        try await worker.tell("mark")
        return worker
    }

    /// A client that means harm.
    ///
    /// - Parameters:
    ///   - mode: In which way; see hostile.c.
    ///   - salt: Its salt; 0 to be in the domain of the honest ones of its user.
    ///   - secret: Contents of another user.
    func villain(
        ofUser user: Int, _ mode: String, seconds: Double, seed: Int, salt: Int = 0, secret: Range<Int> = 0..<0
    ) throws -> Child {
        // At the lowest priority: what anyone could burn of the machine is not what is looked at.
        try Child(
            [try #require(Machine.program("nice")), "-n", "19"] + Self.command(ofUser: user)
                + [
                    "\(folder.path)/hostile", daemon.socket, mode, "\(seconds)", "\(seed)", "\(salt)",
                    "\(secret.lowerBound)", "\(secret.count)",
                ])
    }

    /// What the daemon says to a user.
    func status(forUser user: Int) async throws -> Status {
        let command = ["\(folder.path)/samepage", "status", "--json", "--socket", daemon.socket]
        let result = try await run(Self.command(ofUser: user) + command, within: .seconds(60))
        try #require(result.status == 0, "\(result.errors)")
        return try Status(json: result.output)
    }

    /// Its descriptors now.
    var descriptorCount: Int { Machine.names(inFolder: "/proc/\(daemon.child.process)/fd").count }

    /// A line of its /proc/PID/status.
    func fact(_ name: String) -> String? {
        let lines = Machine.text(ofFile: "/proc/\(daemon.child.process)/status").split(separator: "\n")
        return lines.first { $0.hasPrefix(name + ":") }.map { $0.dropFirst(name.count + 1).trimmingBlanks }
    }
}

extension Substring {
    fileprivate var trimmingBlanks: String {
        split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
