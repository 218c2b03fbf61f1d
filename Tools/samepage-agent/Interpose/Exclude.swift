internal import CLinuxMemory

// Advice that keeps memory from being merged: MADV_WIPEONFORK, and MADV_DONTDUMP where the daemon's settings say so. What is
// merged gets memory of its own first. The program still wants it merged, and it is when the advice is taken back.

/// 1 while memory that is left out of core dumps is not merged.
nonisolated(unsafe) private var dontDumpIsExcluded: UInt32 = 0

/// Whether memory that is left out of core dumps is not merged.
var excludesDontDump: Bool { unsafe lm_atomic_load(&dontDumpIsExcluded) != 0 }

/// Whether memory of this advice is not merged because of it.
func excludesAdvice(_ advice: RemapAdvice) -> Bool {
    advice.rawValue & RemapAdvice.dontDump.rawValue != 0 && excludesDontDump
}

/// Advises what keeps memory from being merged.
func exclude(_ start: UInt, _ end: UInt, _ advice: Int32) -> Int32 {
    guard advice == Int32(LM_MADV_WIPEONFORK) else {
        // What has the advice does not merge again; it is the program's, whatever becomes of merging.
        let result = keepAdvice(start, end, advice)
        _ = takeOffWanted(start, end)
        return result
    }
    // The kernel refuses it on mappings of files: nothing may lie over frames, all at one moment, or nothing is advised.
    // What has been taken off may merge again before that.
    for _ in 0..<3 {
        guard takeOffWanted(start, end), takeOffUnwanted(start, end), enterCall() else { break }
        defer { AgentLock.release() }
        if ranges.hasFrames(start, end) { continue }
        let result = nextMadvise(start, Int(end - start), advice)
        ranges.markForExamination(start, end)
        ringDoorbellOnce()
        return result
    }
    return -Int32(LM_ENOMEM)
}

/// MADV_COLLAPSE, MADV_HWPOISON, MADV_SOFT_OFFLINE: a huge page is made of memory that is the program's own, and pages that are
/// given up are its own, too. What is merged is unmerged first, and may merge again later.
func adviseOwnPages(_ start: UInt, _ size: Int, _ advice: Int32) -> Int32 {
    if let end = pageEnd(start, size) { takeOffForCall(start, end) }
    return nextMadvise(start, size, advice)
}

/// mseal: what lies over frames could not be replaced any more, so it is unmerged first. Sealed memory does not merge.
func sealForProgram(_ address: UInt, _ size: Int, _ flags: Int) -> Int {
    let end = pageEnd(address, size)
    if isWatching, flags == 0, let end, address < end { takeOffForCall(address, end) }
    let result = nextSyscall(Int(LM_SYS_MSEAL), Int(bitPattern: address), size, flags, 0, 0, 0)
    if result == 0, isWatching, let end, enterCall() {
        ranges.markUnfit(address, end, retry: true)
        AgentLock.release()
        ringDoorbellOnce()
    }
    return result
}

/// Gives pages memory of their own before a call that frames would answer otherwise.
private func takeOffForCall(_ start: UInt, _ end: UInt) {
    guard enterCall() else { return }
    let hasFrames = ranges.hasFrames(start, end)
    AgentLock.release()
    if hasFrames { _ = takeOffWanted(start, end) && takeOffUnwanted(start, end) }
}

/// Gives pages that the program wants merged memory of their own; it wants them merged still.
private func takeOffWanted(_ start: UInt, _ end: UInt) -> Bool {
    var address = start
    while enterCall() {
        let run = ranges.wantedRun(from: address, limit: end)
        AgentLock.release()
        guard let run else { break }
        let isUnshared = takeOff(run.start, run.end)
        guard enterCall() else { break }
        let isKept = want(run.start, run.end)
        AgentLock.release()
        ringDoorbellOnce()
        guard isUnshared, isKept else { return false }
        address = run.end
    }
    return true
}

/// Takes such advice back.
func include(_ start: UInt, _ end: UInt, _ advice: Int32) -> Int32 {
    let result =
        advice == Int32(LM_MADV_DODUMP)
        ? keepAdvice(start, end, advice) : nextMadvise(start, Int(end - start), advice)
    if enterCall() {
        ranges.markForExamination(start, end)
        AgentLock.release()
        ringDoorbellOnce()
    }
    return result
}

/// Gives pages over frames that the program does not want merged any more memory of their own.
private func takeOffUnwanted(_ start: UInt, _ end: UInt) -> Bool {
    guard enterCall() else { return true }
    let hasFrames = ranges.hasFrames(start, end)
    AgentLock.release()
    return !hasFrames || performJob(.unmerge(start: start, end: end, inPlace: false)) >= 0
}

/// Takes over the daemon's setting, on the agent's thread: what is merged and should not be gets memory of its own.
func setExcludesDontDump(_ isExcluded: Bool) {
    guard isExcluded != excludesDontDump else { return }
    unsafe lm_atomic_store(&dontDumpIsExcluded, isExcluded ? 1 : 0)
    var address: UInt = 0
    while isExcluded, let run = nextDontDump(from: address) {
        withAgentLock { ranges.markUnwanted(run.start, run.end) }
        _ = unmergeForProgram(run.start, run.end)
        withAgentLock { _ = want(run.start, run.end) }
        address = run.end
    }
    withAgentLock { ranges.markForExamination(0, UInt.max & ~4095) }
    link.needsLook = true
}

/// The first wanted pages from an address on whose range is left out of core dumps.
private func nextDontDump(from address: UInt) -> (start: UInt, end: UInt)? {
    withAgentLock {
        var position = ranges.firstPosition(endingAfter: address)
        while position < ranges.count {
            // SAFETY: a range of the table.
            let range = unsafe ranges[position]
            let isMeant = unsafe range.pointee.advice.rawValue & RemapAdvice.dontDump.rawValue != 0
            let (base, end) = unsafe (range.pointee.base, range.pointee.end)
            if isMeant, let run = ranges.wantedRun(from: max(address, base), limit: end) { return run }
            position += 1
        }
        return nil
    }
}
