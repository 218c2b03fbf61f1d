/// What the agent knows of one page of a range: the map table has one for each page.
///
/// A page lies over a frame from its merge until it is unmerged or discarded, also while it has a copy of its own (written
/// since): it is then a page of a private mapping of the segment, for which other rules hold.
struct PageEntry: Equatable {
    /// Bits 0 to 27: the frame plus 1; ``foreignFrame`` for a frame of another store; for anonymous memory 0, or what is
    /// known of writes.
    /// The bits above: see the properties.
    var bits: UInt32

    /// Anonymous memory that may be merged.
    static var fresh: PageEntry { PageEntry(bits: 0) }
    /// The frame bits of a page that lies over a frame of a store that is gone.
    static var foreignFrame: UInt32 { 0x0FFF_FFFF }

    /// The frame bits of a page that was written since its merge: it has memory of its own in a mapping of a segment.
    private static var rewrittenFrame: UInt32 { 0x0FFF_FFFE }

    /// The frame bits of a page of zeros that was given back.
    private static var givenBackZeros: UInt32 { 0x0FFF_FFFD }

    private static var frameMask: UInt32 { 0x0FFF_FFFF }

    /// The first of the frame bits that tell of writes to anonymous memory; no frame has so high a number.
    private static var firstWrites: UInt32 { 0x0FFF_D000 }

    private var tellsOfWrites: Bool { (bits & PageEntry.frameMask) &- PageEntry.firstWrites < PageWrites.count }

    /// Whether the page lies over a frame, of this store or of another.
    var liesOverFrame: Bool {
        let field = bits & PageEntry.frameMask
        return field != 0 && field != PageEntry.givenBackZeros && !tellsOfWrites
    }

    /// Whether the page held zeros and was given back: a hole, for the program a page that is there. It may have been written
    /// since; one that was discarded since is none.
    var isGivenBack: Bool { bits & (PageEntry.frameMask | 1 << 28) == PageEntry.givenBackZeros }

    /// Notes that the page was given back.
    mutating func becomeGivenBack() { bits = bits & ~PageEntry.frameMask | PageEntry.givenBackZeros }

    /// What is known of writes to the page; `nil` where nothing is, and over frames.
    var writes: PageWrites? {
        get { tellsOfWrites ? PageWrites(number: (bits & PageEntry.frameMask) - PageEntry.firstWrites) : nil }
        set {
            guard !liesOverFrame else { return }
            bits = bits & ~PageEntry.frameMask | (newValue.map { PageEntry.firstWrites + $0.number } ?? 0)
        }
    }

    /// The frame of the store in use that the page lies over; `nil` for none, and for frames of another store.
    var frame: UInt32? {
        get {
            let field = bits & PageEntry.frameMask
            return field == 0 || field >= PageEntry.firstWrites ? nil : field - 1
        }
        set { bits = bits & ~PageEntry.frameMask | (newValue.map { $0 + 1 } ?? 0) }
    }

    /// Forgets which frame it is: the store it belongs to is gone.
    mutating func makeForeign() {
        if liesOverFrame, !isRewritten { bits |= PageEntry.foreignFrame }
    }

    /// The page lies over a frame and is known to have been written since. It stays as it is, and is no candidate, until
    /// the program discards, unmaps or replaces it: the kernel offers no test for writes through pins there.
    var isRewritten: Bool { bits & PageEntry.frameMask == PageEntry.rewrittenFrame }

    /// Notes that the page was written.
    mutating func becomeRewritten() {
        bits = bits & ~PageEntry.frameMask | PageEntry.rewrittenFrame
        isOrphaned = false
    }

    /// The page was given back by the program, or left, since it was last observed.
    var isDiscarded: Bool {
        get { bits & 1 << 28 != 0 }
        set { set(1 << 28, newValue) }
    }

    /// The page lies over a frame and the daemon does not know it yet: to be reported as changed once.
    var isOrphaned: Bool {
        get { bits & 1 << 29 != 0 }
        set { set(1 << 29, newValue) }
    }

    /// The program wants it merged, and it cannot be at the moment.
    var isUnfit: Bool {
        get { bits & 1 << 30 != 0 }
        set { set(1 << 30, newValue) }
    }

    /// The program does not want it merged (any more), or has unmapped it.
    var isGone: Bool {
        get { bits & 1 << 31 != 0 }
        set { set(1 << 31, newValue) }
    }

    /// Whether the page is wanted, or lies over a frame: gone pages without one are nothing to the agent.
    var isKept: Bool { !isGone || liesOverFrame }

    /// Whether the page may be read, tracked and merged.
    var isMergeable: Bool { bits & 3 << 30 == 0 }

    private mutating func set(_ bit: UInt32, _ value: Bool) {
        if value { bits |= bit } else { bits &= ~bit }
    }
}
