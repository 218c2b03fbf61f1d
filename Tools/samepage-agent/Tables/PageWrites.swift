/// How often a page of anonymous memory was written lately. A page found written in scan after scan rests: it is not
/// write-protected, so that its writers pay nothing, until the next multiple of 2, 4, 8 ... ticks of 134 ms; then it is tried
/// until the one after that, and only one that was not written meanwhile is a candidate again.
///
/// All pages of one level begin to rest, and are tried, in the same scans: protecting them takes few calls.
struct PageWrites {
    /// What is done about the page.
    enum Phase: UInt32 {
        /// It is tracked like any other; it was written in ``tick``.
        case tracked = 0
        /// It is not tracked.
        case resting = 1
        /// It is tracked since ``tick``, and not reported.
        case tried = 2
        /// A merge was refused: it counts as written, and was not. What is written meanwhile is noticed all the same, because
        /// its checksum is taken anew before the next try.
        case refused = 3
    }

    var phase: Phase
    /// It rests until the next multiple of 2 to the power of this ticks.
    var level: UInt32
    /// A tick, its lower 8 bits.
    var tick: UInt32

    /// Its rest is the longest: 64 ticks, or 8.6 seconds.
    static var highestLevel: UInt32 { 6 }
    static var tickMask: UInt32 { 255 }
    /// As many values as there are.
    static var count: UInt32 { 1 << 13 }

    init(_ phase: Phase, level: UInt32, tick: UInt32) {
        self.phase = phase
        self.level = min(level, Self.highestLevel)
        self.tick = tick & Self.tickMask
    }

    /// From a number below ``count``.
    init(number: UInt32) {
        phase = Phase(rawValue: number >> 11) ?? .tracked
        level = number >> 8 & 7
        tick = number & Self.tickMask
    }

    var number: UInt32 { phase.rawValue << 11 | level << 8 | tick }
}

/// The passes over a range: all scans from its first page to its last are one.
struct RangeScans {
    /// The tick in which the last pass began, and that of the last one in an earlier tick.
    var present: UInt32 = 0
    private var before: UInt32 = 0
    /// Levels of pages that rest or are tried, a bit each: as last counted, and as counted so far in this scan.
    var levels: UInt8 = 0
    var levelsFound: UInt8 = 0
    /// Whether this pass has found other pages for which the next one must look, and how far it has come without a gap.
    var mustLookAgain = false
    private var reached: UInt32 = 0

    /// A pass begins.
    ///
    /// - Parameter nanoseconds: The monotonic clock.
    mutating func begin(at nanoseconds: UInt64) {
        levelsFound = 0
        mustLookAgain = false
        reached = 0
        let tick = UInt32(truncatingIfNeeded: nanoseconds >> 27)
        guard tick != present else { return }
        before = present
        present = tick
    }

    /// The pass has come over pages.
    mutating func comeOver(_ pages: Range<UInt32>) {
        reached = pages.lowerBound == reached ? pages.upperBound : .max
    }

    /// Takes over what was found, and says whether a pass has found, from the first page to the last, that all pages may be
    /// tracked.
    mutating func endsPass(at pageCount: UInt32) -> Bool {
        guard reached == pageCount else {
            levels |= levelsFound
            return false
        }
        levels = levelsFound
        return levels == 0 && !mustLookAgain
    }

    /// Whether pages of a level begin their rest, or end it, in this tick.
    func isTurn(of level: UInt32) -> Bool { present >> level != before >> level }

    /// Whether a page that was written so many ticks ago was written in scan after scan. Where scans are more than 8 ticks
    /// apart that is not known, and a fault in each of them costs next to nothing.
    func isSoon(_ age: UInt32, level: UInt32) -> Bool { age <= max(2 << level, min(16, 2 &* (present &- before))) }

    /// Whether it may have become some level's turn since the last pass, or no page rests whose turn comes.
    ///
    /// - Parameter nanoseconds: The monotonic clock.
    func isAnyTurn(at nanoseconds: UInt64) -> Bool {
        let passed = UInt32(truncatingIfNeeded: nanoseconds >> 27) &- present
        // Pages that were rewritten over frames have the turns of the highest level, and are not counted.
        return passed >= ticksUntilTurn
            || (present &+ passed) >> PageWrites.highestLevel != present >> PageWrites.highestLevel
    }

    /// After how many ticks it is some level's turn; 0 for never.
    var ticksUntilTurn: UInt32 {
        var soonest: UInt32 = 0
        for level in 1...PageWrites.highestLevel where levels >> UInt8(level) & 1 != 0 {
            let wait = (present >> level + 1) << level - present
            if soonest == 0 || wait < soonest { soonest = wait }
        }
        return soonest
    }
}

/// What a write means for a page.
enum WriteVerdict {
    /// It is to be reported as changed, and tracked.
    case changed
    /// It is to be reported as hot.
    case hot
    /// It is to be tracked, and nothing said.
    case tried
    /// The same, and it is a page like any other.
    case known
    /// Nothing is done.
    case left
}

extension PageEntry {
    /// Notes that a page was found written. Found so twice in one tick it is still once.
    ///
    /// - Parameter isTracked: Whether the page is tracked anew already; else only the verdicts ``WriteVerdict/changed`` and
    ///   ``WriteVerdict/tried`` have it tracked.
    mutating func noteWritten(_ scans: RangeScans, isTracked: Bool) -> WriteVerdict {
        if writes?.phase == .refused {
            // Listed first, and found again when it is tracked.
            if isTracked { writes = nil }
            return .known
        }
        guard link.settings.flags & WireSettings.leaveHot != 0 else { return .changed }
        guard let known = writes else {
            writes = PageWrites(.tracked, level: 0, tick: scans.present)
            return .changed
        }
        let age = (scans.present &- known.tick) & PageWrites.tickMask
        let rest: PageWrites.Phase = isTracked ? .tried : .resting
        switch known.phase {
        case .tracked:
            if age == 0 { return .changed }
            guard scans.isSoon(age, level: known.level) else {
                writes = PageWrites(.tracked, level: 0, tick: scans.present)
                return .changed
            }
            writes = PageWrites(rest, level: known.level + 1, tick: scans.present)
            return .hot
        case .resting:
            guard isTracked || scans.isTurn(of: known.level) && age != 0 else { return .left }
            writes = PageWrites(.tried, level: known.level, tick: scans.present)
            return .tried
        case .tried:
            if age == 0 { return .tried }
            writes = PageWrites(rest, level: known.level + 1, tick: scans.present)
            return .left
        case .refused: return .known
        }
    }

    /// The page's checksum is taken anew, or it is news itself. Whether a merge of it was refused before.
    @discardableResult
    mutating func forgetRefusal() -> Bool {
        guard writes?.phase == .refused else { return false }
        writes = nil
        return true
    }

    /// Nothing is known of writes to the page any more. One that was tracked, and not to be reported, is reported now.
    ///
    /// - Returns: Whether that is news.
    mutating func forgetWrites() -> Bool {
        guard let known = writes else { return false }
        writes = nil
        guard known.phase == .tried else { return false }
        isOrphaned = true
        return true
    }

    /// Notes that a scan has passed over a page, written or not, and whether it is to be reported as changed: nobody wrote
    /// it for as long as it was tried.
    mutating func noteScan(_ scans: inout RangeScans) -> Bool {
        guard let known = writes, known.phase != .refused else { return false }
        let age = (scans.present &- known.tick) & PageWrites.tickMask
        guard known.phase != .tracked else {
            // Ticks come again: one of long ago must not be taken for one of now.
            if !scans.isSoon(age, level: known.level) {
                writes = nil
            } else if known.level > 0 {
                scans.mustLookAgain = true
            }
            return false
        }
        if known.phase == .tried, scans.isTurn(of: known.level), age != 0 {
            writes = PageWrites(.tracked, level: known.level, tick: scans.present)
            scans.mustLookAgain = true
            return true
        }
        scans.levelsFound |= 1 << UInt8(known.level)
        return false
    }
}
