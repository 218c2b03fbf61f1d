import ControlSocket
import FrontEnd
import Glibc

/// Memory at rest: it must merge again within four full scans after the daemon was killed, and nothing may be left of
/// programs that have ended.
struct RestPhase {
    let daemon: DaemonKeeper
    let crew: Crew
    let board: Board
    let findings: Findings
    let changer: AttributeChanger

    /// Waits until something is so; false, and a finding, if that takes too long.
    private func wait(_ seconds: Int, _ what: @autoclosure () -> String, _ isSo: () throws -> Bool) throws -> Bool {
        let end = Raw.now + UInt64(seconds) * 1_000_000_000
        while !findings.isBad {
            crew.tick()
            if try isSo() { return true }
            if Raw.now > end {
                findings.failed("not within \(seconds) s: \(what())")
                return false
            }
            Raw.sleep(microseconds: 2000)
        }
        return false
    }

    func run() throws {
        guard try wait(70, "no attribute is being set", { !changer.isBusy }) else { return }
        try daemon.waitForAnswer()
        for (name, value) in AttributeChanger.usual { try daemon.set(name, value) }
        try crew.fillPlaces()
        // Time to map and fill.
        _ = try wait(30, "all programs work", { crew.atWork.allSatisfy { board[$0 + 1, .actors] > 0 } })
        board.command(.rest)
        guard try wait(60, "all programs rest\n\(crew.whereabouts)", { crew.isAtRest }) else { return }
        let before = try settle()
        guard !findings.isBad else { return }
        daemon.kill()
        try daemon.start()
        try daemon.waitForAnswer()
        try expectSharing(before)
    }

    /// Waits until full scans find nothing more.
    private func settle() throws -> ControlStatus {
        var status = try daemon.status()
        _ = try wait(40, "sharing settles") {
            guard status.clients.count == crew.atWork.count else {
                Raw.sleep(microseconds: 50_000)
                status = try daemon.status()
                return false
            }
            let last = status
            while status.fullScans < last.fullScans + 3 {
                Raw.sleep(microseconds: 5000)
                status = try daemon.status()
            }
            return status.pagesGivenBack - last.pagesGivenBack <= last.pagesGivenBack / 500
        }
        return status
    }

    /// After a restart, within four full scans from when all programs are there. Pages of zeros that were given back
    /// are holes, of which a new daemon knows nothing.
    private func expectSharing(_ before: ControlStatus) throws {
        var status = try daemon.status()
        let isBack = try wait(30, "all programs are clients again: \(status.clients.count)") {
            status = try daemon.status()
            return status.clients.count >= before.clients.count && status.mergeableBytes >= before.mergeableBytes
        }
        guard isBack else { return }
        let start = status.fullScans
        var scans = 0
        var isEnough = false
        // The one under way does not count.
        while scans < 40, !isEnough {
            scans += 1
            while status.fullScans <= start + scans { status = try daemon.status() }
            isEnough = scans >= 4 && status.sharing * 100 >= before.sharing * 95
        }
        findings.count("pages_sharing before restarts", before.sharing)
        findings.count("pages_sharing four full scans after them", status.sharing)
        if scans > 4 {
            findings.failed(
                "sharing was back \(isEnough ? "only" : "not even") \(scans) full scans after a restart: "
                    + "before \(before.sharingText); after \(status.sharingText)")
        }
        findings.count("restarts after which sharing was measured")
    }

    /// All programs end; the daemon holds nothing of them any more.
    func end() throws {
        board.command(.end)
        guard try wait(60, "all programs end", { crew.isEmpty }) else { return }
        var left: [String] = []
        let isEmpty = try wait(10, "the daemon lets go: it holds \(left.joined(separator: ", "))") {
            left = try daemon.leftovers()
            return left.isEmpty
        }
        guard isEmpty else { return }
        findings.count("ends without leftovers")
        let status = daemon.end()
        if status != 0 { findings.failed("the daemon ended with status \(status) when it was asked to") }
    }
}
