import Glibc
import Testing

extension RealPrograms {
    /// Several users under one daemon, and a daemon of an ordinary user.
    @Suite(.enabled(if: Machine.program("setpriv") != nil, "needs setpriv"))
    struct UserTests {
        private static let group = 100
        private static let unprivileged = "/proc/sys/vm/unprivileged_userfaultfd"

        /// The command that becomes a command of an ordinary user.
        private static func user(_ number: Int, groups: Int? = group) throws -> [String] {
            [
                try #require(Machine.program("setpriv")), "--reuid=\(number)", "--regid=\(number)",
                groups.map { "--groups=\($0)" } ?? "--clear-groups",
            ]
        }

        private static func name(ofGroup number: Int) -> String? {
            for line in Machine.text(ofFile: "/etc/group").split(separator: "\n") {
                let fields = line.split(separator: ":")
                if fields.count > 2, Int(fields[2]) == number { return String(fields[0]) }
            }
            return nil
        }

        /// Programs where every user can reach them.
        private static func copies() async throws -> Folder {
            let folder = try Folder()
            try await folder.install([Machine.samepage, Machine.agent, try await Programs.shared.path("worker")])
            return folder
        }

        private static func worker(
            _ number: Int, of daemon: TestDaemon, in folder: Folder, pages: Int, groups: Int? = group
        ) async throws -> Worker {
            let samepage = ["\(folder.path)/samepage", "run", "--socket", daemon.socket, "--"]
            let child = try Child(try user(number, groups: groups) + samepage + ["\(folder.path)/worker"])
            let process = try #require(pid_t(try await child.line().dropFirst("ready ".count)))
            var worker = Worker(child: child, process: process)
            try await worker.map(pages: pages, seed: 1000)
            try await worker.tell("mark")
            return worker
        }

        /// The same memory in two processes of each of two users: each user's share with one another, no others.
        @Test(.timeLimit(.minutes(4))) func usersShareWithinThemselvesOnly() async throws {
            let folder = try await Self.copies()
            let group = try #require(Self.name(ofGroup: Self.group))
            let daemon = try await TestDaemon(["--client-group", group])
            let pages = 4096
            var workers: [Worker] = []
            for user in [20001, 20001, 20002, 20002] {
                workers.append(try await Self.worker(user, of: daemon, in: folder, pages: pages))
            }
            try await daemon.waitForClients(4, mergeableBytes: 4 * pages * 4096)
            let all = try await daemon.waitUntilSettled()
            // One frame and one further page for each content of each user.
            #expect(all.pagesSharing >= 2 * pages * 98 / 100 && all.pagesSharing <= 2 * pages)
            #expect(all.pagesShared >= 2 * pages * 98 / 100 && all.pagesShared <= 2 * pages)
            #expect(daemon.storedBytes >= 2 * pages * 4096 * 98 / 100)
            let files = workers.map { Set(Accounts.files(mappedIn: $0.area)) }
            #expect(files.allSatisfy { !$0.isEmpty })
            #expect(files[0].isDisjoint(with: files[2].union(files[3])), "users have frames in common")
            #expect(files[1].isDisjoint(with: files[2].union(files[3])), "users have frames in common")

            for (user, own) in [(20001, [0, 1]), (20002, [2, 3])] {
                let seen = try await Self.status(of: daemon, asUser: user, folder)
                #expect(Set(seen.clients.map(\.pid)) == Set(own.map { workers[$0].process }))
                #expect(seen.pagesSharing <= pages)
                let set = try await run(
                    Self.user(user) + ["\(folder.path)/samepage", "set", "run", "2", "--socket", daemon.socket])
                #expect(set.status == 1 && set.output == "" && set.isOneLineOfError, "\(set)")
            }
            let stranger = try await run(
                Self.user(20003, groups: nil) + ["\(folder.path)/samepage", "status", "--socket", daemon.socket])
            #expect(stranger.status == 1 && stranger.isOneLineOfError, "\(stranger)")
            let strange = try await Self.status(of: daemon, asUser: 20003, folder)
            #expect(strange.clients.isEmpty && strange.pagesShared == 0 && strange.pagesSharing == 0)
            for worker in workers {
                try await worker.verify()
                let ended = try await worker.child.finish()
                #expect(ended == 0)
            }
        }

        private static func status(
            of daemon: TestDaemon, asUser user: Int, groups: Int? = group, _ folder: Folder
        ) async throws -> Status {
            let command = ["\(folder.path)/samepage", "status", "--json", "--socket", daemon.socket]
            let result = try await run(Self.user(user, groups: groups) + command)
            try #require(result.status == 0, "\(result.errors)")
            return try Status(json: result.output)
        }

        /// A daemon of an ordinary user says what it lacks, or merges once the kernel permits it.
        @Test(.timeLimit(.minutes(4)), arguments: [0, 1])
        func ordinaryUserRunsTheDaemon(unprivileged: Int) async throws {
            let folder = try await Self.copies()
            let before = Machine.text(ofFile: Self.unprivileged)
            try #require(Machine.write("\(unprivileged)\n", toFile: Self.unprivileged))
            defer { Machine.write(before, toFile: Self.unprivileged) }
            // The socket is to lie in a folder of the user's own.
            try #require(unsafe chown(folder.path, 20001, 20001) == 0)
            let daemon = try Child(
                try Self.user(20001, groups: nil)
                    + ["\(folder.path)/samepage", "daemon", "--socket", "\(folder.path)/socket"])
            try await eventually("the daemon listens", within: .seconds(20)) {
                if daemon.hasEnded { throw Trouble("the daemon ended: \(daemon.errors)") }
                return Machine.exists("\(folder.path)/socket")
            }
            let shared = TestDaemon(socket: "\(folder.path)/socket", folder: folder, child: daemon)
            shared.asker = try Self.user(20001, groups: nil) + ["\(folder.path)/samepage"]
            var workers: [Worker] = []
            for _ in 0..<2 {
                workers.append(try await Self.worker(20001, of: shared, in: folder, pages: 4096, groups: nil))
            }
            if unprivileged == 0 {
                try await eventually("a line says what to allow", within: .seconds(20)) {
                    let lines = daemon.errorLines + workers.flatMap(\.child.errorLines)
                    return lines.contains { $0.contains("userfaultfd") }
                } found: {
                    "\(daemon.errors)"
                }
                let status = try await shared.status()
                #expect(status.pagesGivenBack == 0)
            } else {
                try await shared.waitForClients(2, mergeableBytes: 2 * 4096 * 4096)
                let status = try await shared.waitUntilSettled()
                #expect(status.pagesSharing >= 4096 * 98 / 100)
            }
            for worker in workers {
                try await worker.verify()
                let ended = try await worker.child.finish()
                #expect(ended == 0)
            }
            let ended = try await shared.end()
            #expect(ended == 0)
        }
    }
}
