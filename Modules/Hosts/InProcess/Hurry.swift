import Merger
import SystemThreads

/// Somebody who waits for full scans without sleeps. Touched by the merging thread only once it is handed over.
final class Hurry: @unchecked Sendable {
    let done = Semaphore()
    private var scansLeft: UInt64
    private let endsWhenQuiet: Bool
    private var ignoresNext = false
    private var scansDone = 0
    private var lastScan: UInt64 = 0
    private var mergedBefore: UInt64 = 0

    /// - Parameters:
    ///   - scansLeft: Full scans to wait for, at most.
    ///   - endsWhenQuiet: Whether a full scan that merges nothing ends the wait, from the second on.
    init(scansLeft: UInt64, endsWhenQuiet: Bool) {
        self.scansLeft = scansLeft
        self.endsWhenQuiet = endsWhenQuiet
    }

    func begin(with counters: Counters, isInScan: Bool) {
        lastScan = counters.fullScans
        mergedBefore = counters.pagesMerged
        ignoresNext = isInScan
    }

    /// Looks whether a full scan has ended; signals when it was the last.
    func isDone(at counters: Counters) -> Bool {
        guard counters.fullScans != lastScan else { return false }
        let mergedAny = counters.pagesMerged != mergedBefore
        lastScan = counters.fullScans
        mergedBefore = counters.pagesMerged
        if ignoresNext {
            ignoresNext = false
            return false
        }
        scansDone += 1
        scansLeft -= 1
        let isQuiet = endsWhenQuiet && scansDone > 2 && !mergedAny
        guard scansLeft == 0 || isQuiet else { return false }
        done.signal()
        return true
    }
}
