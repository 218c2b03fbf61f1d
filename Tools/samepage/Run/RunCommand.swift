import ArgumentParser
import Glibc

/// `samepage run`.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Become a program whose memory merges.",
        usage:
            "samepage run [--socket <path>] [--merge-any] [--salt <text>] [--share-confined <name>] -- <program> [<argument> ...]",
        discussion: """
            The program is the same as without 'samepage run', in the same process; a library in it answers the \
            daemon. What it marks by madvise(MADV_MERGEABLE) merges; with --merge-any, and after \
            prctl(PR_SET_MEMORY_MERGE), also every private anonymous range of 64 KiB or more that it maps itself.

            A program that cannot merge runs normally, and one line says why: static ones, those that gain rights when \
            they start, those that a seccomp filter confines, those whose address space is limited, and those that \
            SAMEPAGE_NO_MERGE or the daemon's key noMerge names. Without a daemon it merges as soon as one answers.

            Exit status: the program's; 126 if it cannot be started, 127 if it is not found.
            """)

    @OptionGroup var socket: SocketOption

    @Flag(help: "Merge whatever memory the program maps, marked or not.")
    var mergeAny = false

    @Option(help: ArgumentHelp("Share only with programs of the same salt.", valueName: "text"))
    var salt: String?

    @Option(
        help: ArgumentHelp(
            "Share with programs of this user that were started under the same name, though sandboxes confine them.",
            valueName: "name"))
    var shareConfined: String?

    @Argument(parsing: .captureForPassthrough, help: "The program and its arguments.")
    var command: [String] = []

    func validate() throws {
        guard let first = command.first else { throw ValidationError("no program is given") }
        if first == "--help" || first == "-h" { throw CleanExit.helpRequest(self) }
        guard first == "--" || !first.hasPrefix("-") else { throw ValidationError("there is no option '\(first)'") }
        guard first != "--" || command.count > 1 else { throw ValidationError("no program is given") }
    }

    func run() throws {
        let words = command.first == "--" ? Array(command.dropFirst()) : command
        let path = try socket.path(.toConnect)
        var environment = EnvironmentList.inherited()
        let program: String
        do throws(ProgramSearch.Failure) {
            program = try ProgramSearch.find(words[0])
        } catch {
            give(up: error.status, error.description)
        }
        var note: String?
        switch ProgramFitness(of: program) {
        case .unstartable: break
        case .unfit(let reason): note = "\(words[0]) is not merged: \(reason)"
        case .fit:
            environment.preload(try AgentLibrary.find())
            environment["SAMEPAGE_SOCKET"] = path
            if mergeAny { environment["SAMEPAGE_MERGE_ANY"] = "1" }
            if let salt { environment["SAMEPAGE_SALT"] = salt }
            note = ProgramFitness.limit.map { "\(words[0]) is not merged: \($0)" } ?? DaemonPresence.note(path)
            let named = note == nil ? DaemonPresence.unmergedPrograms(path) : ""
            if !named.isEmpty {
                let before = environment["SAMEPAGE_NO_MERGE"].map { "\($0):" } ?? ""
                environment["SAMEPAGE_NO_MERGE"] = before + named
            }
            note = note ?? ProgramFitness.objection(program, listed: environment["SAMEPAGE_NO_MERGE"])
            if note == nil, let shareConfined { note = DaemonPresence.announce(shareConfined, to: path) }
        }
        if let note {
            // Of a program that does not start, that is all there is to say.
            let obstacle = ProgramFitness.isFiltered ? 0 : ProgramStart.obstacle(program, words, environment)
            if obstacle == 0 { StandardError.write("samepage: \(note)") }
        }
        let error = ProgramStart.become(program, words, environment)
        give(up: error == ENOENT ? 127 : 126, "cannot start '\(words[0])': \(SystemError.text(error))")
    }

    private func give(up status: Int32, _ message: String) -> Never {
        StandardError.write("samepage: \(message)")
        Glibc.exit(status)
    }
}
