import Glibc
import Testing

/// Clients of one daemon with the same memory, which use it in every way while things go wrong: see
/// Tests/Programs/actor.h. They look at every byte that they read.
struct Crowd {
    let daemon: TestDaemon
    let pages: Int
    private(set) var workers: [Worker] = []
    /// Pages given back before anything went wrong.
    private(set) var before = 0

    /// Starts clients, and waits until they share.
    init(_ count: Int, pages: Int, of daemon: TestDaemon) async throws {
        self.daemon = daemon
        self.pages = pages
        for _ in 0..<count { try await add() }
        try await waitUntilAllAreServed()
        try await eventually("all share", within: .seconds(30)) {
            before = try await daemon.status().pagesGivenBack
            return before >= (count - 1) * pages * 99 / 100
        } found: {
            "\(before) pages are shared; \(daemon.child.errors)"
        }
    }

    /// Starts one more.
    mutating func add() async throws {
        var worker = try await Worker.start(daemon.agent())
        try await worker.map(pages: pages, seed: 1000)
        try await worker.tell("mark")
        workers.append(worker)
    }

    /// Kills one.
    mutating func kill(_ place: Int) {
        let worker = workers.remove(at: place)
        Glibc.kill(worker.process, SIGKILL)
    }

    /// All use their memory from now on.
    func act() async throws {
        for worker in workers { try await worker.tell("act") }
    }

    /// All stop to, and have what they had; no call has taken longer than a second.
    func rest(_ some: [Worker]? = nil) async throws {
        for worker in some ?? workers {
            let acts = try await worker.rest()
            print("process \(worker.process): \(acts)")
            #expect(acts.operations > 0)
            #expect(acts.longest < .seconds(1), "\(acts)")
        }
        try await verify()
    }

    /// Every byte is right.
    func verify() async throws {
        for worker in workers { try await worker.verify() }
    }

    func waitUntilAllAreServed(within limit: Duration = .seconds(30)) async throws {
        try await daemon.waitForClients(
            workers.count, mergeableBytes: workers.count * pages * 4096, within: limit)
    }

    /// Four full scans after all are clients again as much is shared as was before, but for a twentieth: of memory that
    /// nobody writes to.
    func expectSharingIsBack() async throws {
        try await waitUntilAllAreServed()
        let after = try await daemon.waitForFullScans(4).pagesGivenBack
        print("\(before) pages shared before, \(after) afterwards")
        #expect(after >= before * 95 / 100, "\(daemon.child.errors)")
        try await verify()
    }

    /// As much is shared as was before, once what was written and forked last has had its time.
    func waitUntilSharingIsBack() async throws {
        try await waitUntilAllAreServed()
        var shared = 0
        try await eventually("\(before) pages are shared", within: .seconds(20)) {
            shared = try await daemon.status().pagesGivenBack
            return shared >= before * 98 / 100
        } found: {
            "\(shared) pages are; \(daemon.child.errors)"
        }
        try await verify()
    }

    /// All end; then nothing is left in the daemon.
    func end() async throws {
        for worker in workers {
            let status = try await worker.child.finish()
            #expect(status == 0, "\(worker.child.errors)")
        }
        try await daemon.waitForClients(0)
        try await daemon.expectNothingLeft()
    }
}

/// What a worker did between `act` and `rest`.
struct Acts: CustomStringConvertible {
    let operations: Int
    /// The slowest call; time that the machine did not give the program is not counted.
    let longest: Duration
    let refused: Int
    let name: Substring

    var description: String { "\(operations) calls, \(refused) refused, the slowest \(longest) (\(name))" }
}

extension Worker {
    /// Ends `act`.
    func rest() async throws -> Acts {
        let answer = try await child.ask("rest", within: .seconds(30))
        let fields = answer.split(separator: " ", maxSplits: 4)
        try #require(fields.count == 5 && fields[0] == "ok", "process \(process): \(answer)")
        let numbers = try fields[1...3].map { try #require(Int($0)) }
        return Acts(operations: numbers[0], longest: .microseconds(numbers[1]), refused: numbers[2], name: fields[4])
    }
}

extension Worker {
    /// Takes the marks off pages, and marks them again, while it acts; the slowest call, measured as in ``Acts``.
    func remark(_ step: Int) async throws -> (calls: Int, slowest: Duration) {
        let answer = try await child.ask("remark \(step)")
        let fields = answer.split(separator: " ")
        try #require(fields.count == 3 && fields[0] == "ok", "process \(process): \(answer)")
        let numbers = try fields[1...].map { try #require(Int($0)) }
        return (numbers[0], .microseconds(numbers[1]))
    }

    /// The socket of its agent, as /proc names it: the agent's thread has a table of descriptors of its own.
    var agentSocket: String? {
        for thread in Accounts.threads(of: process, name: "samepage") {
            for number in Machine.names(inFolder: "\(thread)/fd") {
                let target = Machine.target(ofLink: "\(thread)/fd/\(number)")
                if let target, target.hasPrefix("socket:") { return target }
            }
        }
        return nil
    }
}

/// What a daemon holds of clients' memory and of clients.
struct Holdings: Equatable, CustomStringConvertible {
    /// Memory files by name, by whatever holds them: descriptors and mappings.
    var memoryFiles = 0
    var descriptors = 0

    var description: String { "\(memoryFiles) memory files held, \(descriptors) descriptors" }

    init(of process: pid_t) {
        let folder = "/proc/\(process)/fd"
        for name in Machine.names(inFolder: folder) {
            descriptors += 1
            if Machine.target(ofLink: "\(folder)/\(name)")?.contains("memfd:samepage") == true { memoryFiles += 1 }
        }
        let maps = Machine.text(ofFile: "/proc/\(process)/maps").split(separator: "\n")
        memoryFiles += maps.count { $0.contains("memfd:samepage") }
    }
}

extension TestDaemon {
    /// No frame, no segment, no descriptor and no map of a client is left, soon after the last has ended.
    func expectNothingLeft(descriptors: Int? = nil) async throws {
        var holdings = Holdings(of: child.process)
        try await eventually("nothing is left in the daemon", within: .seconds(20)) {
            holdings = Holdings(of: child.process)
            let status = try await status()
            return holdings.memoryFiles == 0 && status.pagesShared == 0 && status.pagesSharing == 0
                && holdings.descriptors <= descriptors ?? Int.max
        } found: {
            "\(holdings); \(child.errors)"
        }
    }
}

/// A connection to a daemon's control socket: many requests, without a process for each.
final class ControlLine {
    private let socket: Int32

    /// Connects to the control socket of the daemon at a socket.
    init(_ path: String) throws {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        try #require(path.utf8.count + 8 < MemoryLayout.size(ofValue: address.sun_path))
        // SAFETY: the path fits, and zeros follow it; the structures outlive the calls and have these sizes.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: "\(path).control".utf8) }
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0, "cannot connect: error \(errno)")
    }

    deinit { close(socket) }

    /// Asks for something whose answer is `ok` alone.
    func ask(_ line: String) throws {
        let bytes = Array("\(line)\n".utf8)
        // SAFETY: the bytes outlive the calls.
        let sent = unsafe bytes.withUnsafeBytes { unsafe send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        try #require(sent == bytes.count)
        var answer = [UInt8](repeating: 0, count: 256)
        let count = unsafe answer.withUnsafeMutableBytes { unsafe recv(socket, $0.baseAddress, $0.count, 0) }
        let text = String(decoding: answer.prefix(max(0, count)), as: UTF8.self)
        try #require(text == "ok\n", "\(line): \(text)")
    }
}
