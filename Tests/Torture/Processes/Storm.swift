import Glibc

/// Kills, stops and starts, at random times.
struct Storm {
    let daemon: DaemonKeeper
    let crew: Crew
    let findings: Findings
    var random: Random

    /// What happens when: times of the monotonic clock.
    private struct Plan {
        var killDaemon, startDaemon, stopDaemon, continueDaemon: UInt64?
        var killProgram, stopProgram: UInt64
    }

    private mutating func after(_ least: Int, _ most: Int) -> UInt64 {
        Raw.now + UInt64(least + random.below(most - least)) * 1_000_000
    }

    /// Goes on until a time; then the daemon is there and nobody is stopped.
    mutating func run(until end: UInt64) throws {
        var plan = Plan(
            killDaemon: after(2000, 6000), stopDaemon: after(1000, 4000), killProgram: after(300, 1500),
            stopProgram: after(300, 1500))
        while Raw.now < end, !findings.isBad {
            try step(&plan)
            crew.tick()
            try crew.fillPlaces()
            Raw.sleep(microseconds: 2000)
        }
        if plan.continueDaemon != nil { daemon.program.signal(SIGCONT) }
        if plan.startDaemon != nil { try daemon.start() }
        crew.tick(continuesAll: true)
    }

    /// Only looks on until a time, or until something is found.
    func wait(until end: UInt64) throws {
        while Raw.now < end, !findings.isBad {
            crew.tick()
            try crew.fillPlaces()
            Raw.sleep(microseconds: 2000)
        }
    }

    private mutating func step(_ plan: inout Plan) throws {
        let now = Raw.now
        if let time = plan.startDaemon {
            if now >= time {
                plan.startDaemon = nil
                try daemon.start()
                // Programs need a second or more to come back; only sometimes it is killed before.
                plan.killDaemon = random.once(in: 4) ? after(10, 1500) : after(4000, 9000)
                plan.stopDaemon = after(300, 4000)
            }
        } else if daemon.program.hasEnded {
            findings.failed("the daemon has ended by itself: see \(daemon.log)")
        }
        if let time = plan.killDaemon, now >= time { killDaemon(&plan) }
        if let time = plan.stopDaemon, now >= time, plan.startDaemon == nil {
            daemon.program.signal(SIGSTOP)
            findings.count("times that the daemon was stopped")
            plan.stopDaemon = nil
            plan.continueDaemon = random.once(in: 4) ? after(1000, 3000) : after(5, 500)
        }
        if let time = plan.continueDaemon, now >= time {
            daemon.program.signal(SIGCONT)
            plan.continueDaemon = nil
            plan.stopDaemon = after(1000, 8000)
        }
        if now >= plan.killProgram {
            killProgram()
            plan.killProgram = after(400, 4000)
        }
        if now >= plan.stopProgram {
            let victims = crew.atWork
            if !victims.isEmpty {
                let time = random.once(in: 8) ? 500 + random.below(1500) : 1 + random.below(60)
                crew.stop(victims[random.below(victims.count)], for: UInt64(time) * 1_000_000)
            }
            plan.stopProgram = after(100, 3000)
        }
    }

    private mutating func killDaemon(_ plan: inout Plan) {
        // Sometimes a program dies with it.
        if random.once(in: 4) { killProgram() }
        daemon.kill()
        findings.count("times that the daemon was killed")
        (plan.killDaemon, plan.stopDaemon, plan.continueDaemon) = (nil, nil, nil)
        plan.startDaemon = random.once(in: 4) ? after(1, 2000) : Raw.now
    }

    private mutating func killProgram() {
        let victims = crew.atWork
        guard !victims.isEmpty else { return }
        let rest = random.once(in: 2) ? 0 : UInt64(random.below(800)) * 1_000_000
        crew.kill(victims[random.below(victims.count)], leavingChildrenFor: rest)
    }
}
