/// The answer to an observation.
@frozen
public struct WireObserved: Sendable, BitwiseCopyable {
    /// Pages covered from the start; fewer than asked for when the runs did not fit: ask again for the rest.
    public var pagesDone: UInt32 = 0
    /// The error that ended it (positive), or 0. ESRCH: no such area.
    public var error: UInt32 = 0
    /// System calls made.
    public var systemCalls: UInt16 = 0
    /// After how many ticks of 2 to the power of 27 nanoseconds the area has to be observed again although the program may
    /// have written nothing; 0 for no need.
    public var nextTick: UInt16 = 0
    /// CPU time that the agent's thread has used so far, in microseconds; from 2 to the power of 32 on it begins anew.
    public var cpuMicroseconds: UInt32 = 0

    /// Zeros.
    @inlinable
    public init() {}
}

/// The answer to the question which areas have nothing to tell.
@frozen
public struct WireQuiet: Sendable, BitwiseCopyable {
    /// The byte of an area that may have something to tell.
    public static var something: UInt8 { 0 }
    /// That of an area that has nothing to tell. The numbers between say the same, and after how many ticks the area has to be
    /// asked about again, as ``WireObserved/nextTick``.
    public static var nothing: UInt8 { 255 }

    /// System calls made.
    public var systemCalls: UInt32 = 0
    /// As ``WireObserved/cpuMicroseconds``.
    public var cpuMicroseconds: UInt32 = 0

    /// Zeros.
    @inlinable
    public init() {}
}

/// Neighbouring pages in the same state.
@frozen
public struct WireRun: Sendable, BitwiseCopyable {
    /// The place of the first page.
    public var start: UInt32
    /// The number of pages, and in the highest bits the state: see ``State``.
    public var countAndState: UInt32

    /// What may have happened to the pages (as `ObservedRun.State`).
    @frozen
    public enum State: UInt32, Sendable {
        /// They may have new content.
        case changed = 0
        /// They hold nothing.
        case absent = 1
        /// The program has given them back, or they cannot merge any more.
        case discarded = 2
        /// They are written so often that nobody need look at them now.
        case hot = 3
    }

    /// Describes a run of fewer than 2^30 pages.
    @inlinable
    public init(start: UInt32, count: UInt32, state: State) {
        self.start = start
        countAndState = count & 0x3FFF_FFFF | state.rawValue << 30
    }

    /// The number of pages.
    @inlinable
    public var count: UInt32 { countAndState & 0x3FFF_FFFF }

    /// The state.
    @inlinable
    public var state: State? { State(rawValue: countAndState >> 30) }
}
