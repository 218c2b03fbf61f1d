import Glibc

/// The programs of a round, each at a place of the board.
final class Crew {
    /// What programs there are; each place has always the same kind.
    static let kinds = ["plain", "threads", "forks", "execs", "any", "threads", "python", "meets"]

    /// Who sits at a place.
    private struct Member {
        var program: Program?
        var generation: UInt64 = 0
        /// It was killed: when the rest of its group goes.
        var killed: UInt64?
        var stoppedUntil: UInt64?
    }

    let board: Board
    let findings: Findings
    private let kinds: [String]
    private let prefix: [String]
    private let tool: String
    private let script: String
    private let log: String
    private let seed: UInt64
    private let byPins: Bool
    private let environment: [String: String]
    private var members: [Member]
    private var nextContinue: UInt64 = 0

    init(
        board: Board, findings: Findings, kinds: [String], prefix: [String], tool: String, script: String,
        log: String, seed: UInt64, byPins: Bool,
        environment: [String: String]
    ) {
        self.board = board
        self.findings = findings
        self.kinds = kinds
        self.prefix = prefix
        self.tool = tool
        self.script = script
        self.log = log
        self.seed = seed
        self.byPins = byPins
        self.environment = environment
        members = Array(repeating: Member(), count: board.places)
    }

    func kind(at index: Int) -> String { kinds[index] }
    func process(at index: Int) -> pid_t? { members[index].program?.process }

    /// The numbers of places where a program is at work.
    var atWork: [Int] { members.indices.filter { members[$0].program != nil && members[$0].killed == nil } }
    var isEmpty: Bool { members.allSatisfy { $0.program == nil } }

    /// Starts a program at every free place.
    func fillPlaces() throws {
        for index in members.indices where members[index].program == nil {
            members[index].generation += 1
            let isScript = kinds[index] == "python"
            let kind = kinds[index] + (byPins && !isScript ? "p" : "")
            var random = Random(seed: seed, index << 20 | Int(members[index].generation))
            board[index + 1, .resting] = 0
            // Those of the program before it.
            board[index + 1, .actors] = 0
            let arguments =
                (isScript ? ["/usr/bin/python3", script] : [tool]) + [
                    board.path, "\(index + 1)", kind, "\(random.next() >> 1)",
                ]
            members[index].program = try Program(prefix + arguments, environment: environment, log: log)
            findings.count("programs started")
        }
    }

    /// Kills a program; what it has forked lives a little longer, or not.
    func kill(_ index: Int, leavingChildrenFor nanoseconds: UInt64) {
        guard let program = members[index].program, members[index].killed == nil else { return }
        members[index].killed = Raw.now + nanoseconds
        if nanoseconds == 0 { program.signalGroup(SIGKILL) } else { program.signal(SIGKILL) }
        findings.count("programs killed")
    }

    /// Stops a program and what it has forked.
    func stop(_ index: Int, for nanoseconds: UInt64) {
        guard let program = members[index].program, members[index].killed == nil, members[index].stoppedUntil == nil
        else { return }
        board.beginStop(index + 1)
        program.signalGroup(SIGSTOP)
        members[index].stoppedUntil = Raw.now + nanoseconds
        findings.count("programs stopped")
    }

    /// Continues who has been stopped long enough, and buries the dead.
    func tick(continuesAll: Bool = false) {
        let now = Raw.now
        continueStragglers(now)
        for index in members.indices {
            guard let program = members[index].program else { continue }
            if let end = members[index].stoppedUntil, now >= end || continuesAll {
                program.signalGroup(SIGCONT)
                board.endStop(index + 1)
                members[index].stoppedUntil = nil
            }
            if board[index + 1, .hasText] == 2 { explain(index) }
            guard program.hasEnded else { continue }
            if let killed = members[index].killed, now < killed, !continuesAll { continue }
            bury(index, program)
        }
    }

    /// A child that is born between a SIGSTOP and its SIGCONT gets only the first of them: Linux keeps stop signals for
    /// children of forks under way, but drops a SIGCONT that nobody handles. Such children are continued a little later.
    private func continueStragglers(_ now: UInt64) {
        guard now >= nextContinue else { return }
        nextContinue = now + 200_000_000
        for member in members where member.stoppedUntil == nil { member.program?.signalGroup(SIGCONT) }
    }

    private func bury(_ index: Int, _ program: Program) {
        let status = program.reap()
        let wasKilled = members[index].killed != nil
        if members[index].stoppedUntil != nil { board.endStop(index + 1) }
        members[index] = Member(generation: members[index].generation)
        explain(index)
        guard status != 0, !(wasKilled && status == 256 + SIGKILL), !findings.isBad else { return }
        findings.failed("program \(index + 1) (\(kinds[index])) ended with status \(status)")
    }

    /// Takes over what a program says went wrong.
    private func explain(_ index: Int) {
        guard let text = board.text(index + 1) else { return }
        board[index + 1, .hasText] = 3
        let note = "program \(index + 1) (\(kinds[index])): \(text)"
        if board[index + 1, .wrong] > 0 { findings.wrong(note) } else { findings.failed(note) }
    }

    /// Whether all programs at work rest.
    var isAtRest: Bool {
        atWork.allSatisfy { index in
            let actors = board[index + 1, .actors]
            return actors > 0 && board[index + 1, .resting] == actors
        }
    }

    /// The end of everyone, without waiting.
    func killAll() {
        for index in members.indices {
            guard let program = members[index].program else { continue }
            program.signalGroup(SIGKILL)
            _ = program.reap()
            members[index] = Member()
        }
    }
}
