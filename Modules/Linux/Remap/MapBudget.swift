/// How many map entries (VMAs) merging may make in a process: at most so many percent of vm.max_map_count, the program's own
/// included, so that its mmap and mprotect never fail because of merging.
///
/// A run of neighbouring pages takes two entries at most, however long it is. So long runs come first: the fewer entries are
/// left, the longer a run must be. When nothing more comes for a while that is long enough, shorter ones get what is left,
/// but for a sixteenth of the limit, which stays for long runs to come.
///
/// Nothing here reads a clock or a file.
public struct MapBudget: Sendable {
    /// Percent of the system's limit, 1 to 90.
    public var percent: UInt32
    /// What it is unless somebody says otherwise: of Linux's 65,530 entries a program keeps half for itself.
    public static var usualPercent: UInt32 { 50 }
    /// vm.max_map_count; 0 before it was read.
    public private(set) var systemLimit = 0
    /// Entries at the last count, and what merging added since, by the map tables.
    private var counted = 0
    private var added = 0
    /// What the runs of the window in work take at most.
    private var promised = 0
    private var countedAt: UInt64 = 0
    /// How often the shortest run was halved since there were entries enough, or many became free.
    private var timesEased = 0
    /// When it was looked at last how many were taken, 0 before the first time; and how many were in use then.
    private var watchedSince: UInt64 = 0
    private var inUseThen = 0

    /// Entries are counted again after so long while there are few, and after so long in any case, in nanoseconds: the program
    /// makes and gives back some of its own.
    private static var shortAge: UInt64 { 1_000_000_000 }
    private static var longestAge: UInt64 { 10_000_000_000 }
    /// Thirty times what it takes to count one, in nanoseconds: so much longer, the more there are.
    private static var ageForEach: UInt64 { 15_000 }
    /// Shorter runs have their turn when next to nothing was taken for so long, in nanoseconds.
    public static var calm: UInt64 { 2_000_000_000 }

    /// A budget of which nothing is known yet: ``limit`` is 0.
    public init(percent: UInt32 = usualPercent) { self.percent = percent }

    /// Entries that the process may have before merging makes no more.
    public var limit: Int { systemLimit * Int(percent) / 100 }

    /// The entries of the process, as far as known.
    public var inUse: Int { counted + added + promised }

    /// Entries that merging may still make: what a run takes at most must be left.
    public var entriesLeft: Int { limit - inUse - 2 }

    /// The process has next to none left, merging or not.
    public var isExhausted: Bool { inUse >= systemLimit - 256 }

    /// Whether the entries should be counted again: merging has changed much since the last time, or that was long ago.
    public func isOld(at now: UInt64) -> Bool {
        if abs(added) > max(1024, limit / 16) { return true }
        let least = firstRun == 1 ? Self.longestAge : Self.shortAge
        return now &- countedAt > max(least, UInt64(clamping: counted) &* Self.ageForEach)
    }

    /// The entries of the process were counted.
    ///
    /// - Parameters:
    ///   - entries: How many there are.
    ///   - systemLimit: vm.max_map_count.
    ///   - now: The time, in nanoseconds of a clock that never goes back.
    public mutating func count(_ entries: Int, of systemLimit: Int, at now: UInt64) {
        self.systemLimit = systemLimit
        counted = entries
        added = 0
        promised = 0
        countedAt = now
    }

    /// Merging has made so many entries, or has given so many back (negative).
    public mutating func add(_ entries: Int) { added += entries }

    /// Whether a run of pages may take entries in the window that is being filled; two are set aside for it then, until
    /// ``settle(_:)``.
    public mutating func admits(run: Int) -> Bool {
        guard let shortestRun, run >= shortestRun else { return false }
        promised += 2
        return true
    }

    /// A window is done, and has made so many entries, or has given so many back (negative).
    public mutating func settle(_ entries: Int) {
        promised = 0
        added += entries
    }

    /// The shortest run worth an entry now; `nil` when there are none left.
    public var shortestRun: Int? {
        guard let run = firstRun else { return nil }
        return eased(run)
    }

    /// Gives shorter runs their turn if it is time. To be called when there are pages to merge, and only then: that nothing
    /// came for a while says nothing where nobody had anything to merge.
    public mutating func ease(at now: UInt64) {
        guard let run = firstRun, run <= Self.runOfLast, watchedSince > 0 else { return watch(from: now) }
        if run == 1 || inUse < inUseThen - limit / 16 {
            timesEased = 0
            return watch(from: now)
        }
        guard now &- watchedSince >= Self.calm else { return }
        if inUse - inUseThen <= limit / 256 { timesEased = min(timesEased + 1, Self.mostTimesEased) }
        watch(from: now)
    }

    private mutating func watch(from now: UInt64) {
        watchedSince = now
        inUseThen = inUse
    }

    /// How many entries may be taken before only the last sixteenth is left, or of that.
    public var entriesLeftForShortest: Int {
        guard let run = firstRun else { return 0 }
        return run > Self.runOfLast ? entriesLeft : entriesLeft - limit / 16 + 1
    }

    /// The longest of the runs that get shorter, and how often it must be halved until single pages have their turn.
    private static var runOfLast: Int { 8 }
    private static var mostTimesEased: Int { 3 }

    /// The sixteenths of the limit that runs of a length and more leave to longer ones.
    private static func sixteenthsKept(from run: Int) -> Int {
        switch run {
        case 1: 6
        case 2: 3
        case 4: 2
        case runOfLast: 1
        default: 0
        }
    }

    /// The shortest run by what is left alone.
    private var firstRun: Int? {
        guard entriesLeft > 0 else { return nil }
        var run = 1
        while entriesLeft < limit * Self.sixteenthsKept(from: run) / 16 { run *= 2 }
        return run
    }

    private func eased(_ run: Int) -> Int { run > Self.runOfLast ? run : max(1, run >> timesEased) }
}
