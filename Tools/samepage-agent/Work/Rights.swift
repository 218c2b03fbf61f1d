import CLinuxMemory

/// What the agent's thread may do, beside what the program's first thread may. Only that thread uses it.
@safe
struct Rights {
    /// The status of the first thread, and of this one; -1 while they are not open.
    private var program: Int32 = -1
    private var own: Int32 = -1
    /// The rights of both when they were last the same.
    private var agreed: UInt64 = 0

    /// Whether the rights are others than at the look before. Whoever takes note sets it to `false`.
    var haveChanged = false

    /// What a look shows.
    enum Finding {
        /// The thread may do what the program may.
        case same
        /// It may do other things: it has to end.
        case different
        /// A filter came that was not judged.
        case filtered
    }

    /// Compares, by one read where nothing has changed. What cannot be read counts as different.
    mutating func compare() -> Finding {
        if program < 0 { program = ProcFile.open("/proc/self/status") }
        guard let theirs = StatusFile(descriptor: program) else { return .different }
        if let filters = theirs.number("Seccomp_filters:"), unsafe filters > Int(lm_atomic_load(&judgedFilters)) {
            return .filtered
        }
        let rights = theirs.rights
        if rights == agreed { return .same }
        if own < 0 { own = ProcFile.open("/proc/thread-self/status") }
        guard let ours = StatusFile(descriptor: own), ours.rights == rights else { return .different }
        agreed = rights
        haveChanged = true
        return .same
    }

    /// Closes its files.
    mutating func close() {
        if program >= 0 { _ = lm_close(program) }
        if own >= 0 { _ = lm_close(own) }
        self = Rights()
    }
}

/// Whether the agent's thread may do the work of a request: with the program's rights only, and while a limit of CPU time
/// leaves enough. Otherwise the thread ends.
func mayWork() -> Bool {
    var finding = work.rights.compare()
    // libc's functions change the threads one after the other.
    var tries = 0
    while finding == .different, tries < 20 {
        var word: UInt32 = 0
        _ = unsafe lm_futex_wait(&word, 0, 500_000)
        finding = work.rights.compare()
        tries += 1
    }
    switch finding {
    case .same:
        // The thread that serves traps has the rights that this one had when it started it.
        if work.rights.haveChanged { trap.stop() }
        work.rights.haveChanged = false
        trap.follow(link.settings)
    case .different:
        mustRest(seconds(1))
        return false
    case .filtered:
        giveUpMergingHere()
        mustRest(seconds(1))
        return false
    }
    guard work.cpu.isNearLimit() else { return true }
    mustRest(seconds(10))
    return false
}

/// Has the agent's thread end, and start again no sooner than after a time.
private func mustRest(_ nanoseconds: UInt64) {
    delayAgentThread(nanoseconds)
    link.mustRest = true
}
