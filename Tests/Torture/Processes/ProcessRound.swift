import ControlSocket
import Glibc

/// One round: a daemon and programs, a storm, a rest in which the daemon is killed once more, and an end that leaves
/// nothing.
struct ProcessRound {
    let number: Int
    let options: ProcessOptions
    let board: Board
    let folder: String
    let findings: Findings
    /// The program in C, and the one in Python.
    let tool: String
    let script: String

    /// In every second round others write through pins too; not so in the rest, so that more pages merge.
    var byPins: Bool { options.pins ?? (number % 2 == 1) }

    func run(nanoseconds: UInt64) throws -> Watcher.Sums {
        let end = Raw.now + nanoseconds
        let seed = options.seed &+ UInt64(number) &* 1000
        let epoch = Epoch()
        let socket = "\(folder)/socket"
        let daemon = try DaemonKeeper(
            samepage: options.samepage, socket: socket, log: "\(folder)/daemon.log", traps: options.traps, epoch: epoch)
        board.command(.work)
        var environment: [String: String] = [:]
        if let mutant = options.mutant { environment["SAMEPAGE_MUTANTS"] = mutant.letter }
        // A safety that is missing shows where writes meet merges; who kills and stops only keeps them apart.
        let kinds = options.mutant == nil ? Crew.kinds : Array(repeating: "meets", count: board.places)
        let crew = Crew(
            board: board, findings: findings, kinds: kinds,
            prefix: [options.samepage, "run", "--socket", socket, "--"], tool: tool,
            script: script,
            log: "\(folder)/programs.log", seed: seed, byPins: byPins, environment: environment)
        let watcher = Watcher(socket: socket, epoch: epoch)
        let changer = AttributeChanger(socket: socket, epoch: epoch, findings: findings, seed: seed)
        let threads = [Worker { watcher.run() }, Worker { changer.run() }]
        defer {
            crew.killAll()
            if epoch.current > 0 { daemon.kill() }
            watcher.stop()
            changer.stop()
            for thread in threads { thread.join() }
        }
        try crew.fillPlaces()
        var storm = Storm(daemon: daemon, crew: crew, findings: findings, random: Random(seed: seed, 5))
        // The rest and the end take some seconds.
        let calm = end - min(nanoseconds / 2, 10_000_000_000)
        if options.mutant == nil {
            changer.allow(true)
            try storm.run(until: calm)
            changer.allow(false)
        } else {
            try storm.wait(until: calm)
        }
        let rest = RestPhase(daemon: daemon, crew: crew, board: board, findings: findings, changer: changer)
        if !findings.isBad { try rest.run() }
        if !findings.isBad { try rest.end() }
        return watcher.sums
    }
}
