/// The head of every message: 16 bytes.
@frozen
public struct WireHeader: Sendable, BitwiseCopyable {
    /// Raw value of a ``WireKind``.
    public var kind: UInt16
    /// Bit 0: the message answers the request of the same sequence number.
    public var flags: UInt16
    /// Entries after the structure.
    public var count: UInt32
    /// The number of the request, rising; 0 for messages without an answer.
    public var sequence: UInt64

    /// Makes a head.
    @inlinable
    public init(_ kind: WireKind, isAnswer: Bool = false, count: Int = 0, sequence: UInt64 = 0) {
        self.kind = kind.rawValue
        flags = isAnswer ? 1 : 0
        self.count = UInt32(truncatingIfNeeded: count)
        self.sequence = sequence
    }

    /// Whether the message answers a request.
    @inlinable
    public var isAnswer: Bool { flags & 1 != 0 }
}

/// Who connects.
@frozen
public struct WireHello: Sendable, BitwiseCopyable {
    /// ``WireLimit/version``.
    public var version: UInt32 = WireLimit.version
    /// Bytes in a page of the process.
    public var pageSize: UInt32 = 0
    /// ``mergeAny``, ``forked``, ``starts``, ``asks``, ``signsNews``, ``tellsQuiet``, ``takesOutside``, ``tellsEntries``.
    public var flags: UInt32 = 0
    /// How much of userfaultfd the process has by itself (raw value of `RemapFeatures.Userfault`).
    public var userfault: UInt32 = 0
    /// Processes whose salts differ never share, even of the same user; 0 without a salt.
    public var salt: UInt64 = 0

    /// Every private anonymous range of 64 KiB or more that the program maps is mergeable.
    public static var mergeAny: UInt32 { 1 }
    /// The process was forked from one with merged pages.
    public static var forked: UInt32 { 2 }
    /// The process is about to become a program that shares, confined or not, with those of its user that were started
    /// under the same name; ``salt`` is the number of that name. There is no welcome: `settings` without a body says yes.
    public static var starts: UInt32 { 4 }
    /// `samepage run` asks which programs are not merged. There is no welcome: `settings` is answered, with their patterns
    /// in place of the body.
    public static var asks: UInt32 { 8 }
    /// The agent makes a page fault for whatever there is to tell that no write of the program shows, and fills in all of
    /// ``WireObserved``: while the process has no page fault, nothing need be asked of it.
    public static var signsNews: UInt32 { 16 }
    /// The agent answers ``WireKind/quiet``.
    public static var tellsQuiet: UInt32 { 32 }
    /// It takes the files that ``WireWelcome/hasOutside`` tells of.
    public static var takesOutside: UInt32 { 64 }
    /// The agent answers ``WireKind/entries``.
    public static var tellsEntries: UInt32 { 128 }

    /// Zeros, and the version.
    @inlinable
    public init() {}
}

/// An area: a range of pages that may be merged.
@frozen
public struct WireArea: Sendable, BitwiseCopyable {
    /// Its number, chosen by the agent, never used twice in a connection.
    public var area: UInt32
    /// Its length in pages.
    public var pageCount: UInt32
    /// The number of its first page: the address divided by the page size.
    public var firstPage: UInt64

    /// Describes an area.
    @inlinable
    public init(area: UInt32, pageCount: UInt32, firstPage: UInt64) {
        self.area = area
        self.pageCount = pageCount
        self.firstPage = firstPage
    }
}

/// What the daemon offers.
@frozen
public struct WireWelcome: Sendable, BitwiseCopyable {
    /// ``WireLimit/version``.
    public var version: UInt32 = WireLimit.version
    /// ``hasUpload``, ``hasDevice``, ``hasOutside``: which descriptors come with the message, in this order.
    public var flags: UInt32 = 0
    /// The store that frames belong to; the same number again means the same frames.
    public var storeHigh: UInt64 = 0
    /// The other half.
    public var storeLow: UInt64 = 0
    /// Raw value of a ``WireChecksum``.
    public var checksum: UInt32 = 0
    /// Zero, for later use.
    public var reserved: UInt32 = 0
    /// The settings from now on.
    public var settings = WireSettings()

    /// A buffer of ``WireLimit/uploadPages`` pages to map shared.
    public static var hasUpload: UInt32 { 1 }
    /// An open /dev/userfaultfd.
    public static var hasDevice: UInt32 { 2 }
    /// Two files of the process in the daemon's /proc, where that is another than the process's: its status, and its memory
    /// opened without any access. In them the agent sees debuggers outside of its namespaces.
    public static var hasOutside: UInt32 { 4 }

    /// Zeros, and the version.
    @inlinable
    public init() {}
}

/// The checksums that an agent knows.
@frozen
public enum WireChecksum: UInt32, Sendable {
    /// None: the daemon takes the checksums from uploaded pages.
    case daemon = 0
    /// XXH3, 128 bits, seed 0.
    case xxh3 = 1
    /// jhash2, initial value 17, in the low 32 bits.
    case jhash2 = 2
}

/// Settings that concern the agent.
@frozen
public struct WireSettings: Sendable, BitwiseCopyable {
    /// The share of vm.max_map_count that the process may use before merging stops making map entries, 1 to 90.
    public var vmaBudgetPercent: UInt32 = 50
    /// ``excludeDontDump``, ``trapWrites``.
    public var flags: UInt32 = 0

    /// Memory that is left out of core dumps (MADV_DONTDUMP) is not merged.
    public static var excludeDontDump: UInt32 { 2 }
    /// Writes to merged pages are caught before they happen, and the pages become ordinary memory.
    public static var trapWrites: UInt32 { 4 }
    /// Pages that are written all the time may be reported as hot, and left alone.
    public static var leaveHot: UInt32 { 8 }

    /// The defaults.
    @inlinable
    public init() {}
}

/// A segment of frames: ``WireLimit/framesOfSegment`` pages.
@frozen
public struct WireSegment: Sendable, BitwiseCopyable {
    /// Its number: frame f lies in segment f / ``WireLimit/framesOfSegment``.
    public var number: UInt32
    /// Zero, for later use.
    public var reserved: UInt32 = 0

    /// Names a segment.
    @inlinable
    public init(number: UInt32) { self.number = number }
}

/// Pages of an area.
@frozen
public struct WireRange: Sendable, BitwiseCopyable {
    /// The area.
    public var area: UInt32
    /// The place of the first page.
    public var start: UInt32
    /// The number of pages.
    public var count: UInt32
    /// For observations: runs that the answer may have.
    public var capacity: UInt32

    /// Names pages.
    @inlinable
    public init(area: UInt32, start: UInt32 = 0, count: UInt32 = 0, capacity: UInt32 = 0) {
        self.area = area
        self.start = start
        self.count = count
        self.capacity = capacity
    }
}

/// One page.
@frozen
public struct WirePage: Sendable, BitwiseCopyable {
    /// The area.
    public var area: UInt32
    /// The place in the area.
    public var index: UInt32

    /// Names a page.
    @inlinable
    public init(area: UInt32, index: UInt32) {
        self.area = area
        self.index = index
    }
}

/// A set of places in a list of at most 512 pages: bit n of word n / 64.
@frozen
public struct WirePageSet: Sendable, BitwiseCopyable {
    /// The bits.
    public var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)

    /// Empty.
    @inlinable
    public init() {}

    /// Whether a place is in the set; places from 512 on never are.
    public func contains(_ place: Int) -> Bool {
        guard place >= 0, place < 512 else { return false }
        return word(place >> 6) >> UInt64(place & 63) & 1 != 0
    }

    /// Puts a place below 512 into the set.
    public mutating func insert(_ place: Int) {
        guard place >= 0, place < 512 else { return }
        let bit: UInt64 = 1 << UInt64(place & 63)
        switch place >> 6 {
        case 0: words.0 |= bit
        case 1: words.1 |= bit
        case 2: words.2 |= bit
        case 3: words.3 |= bit
        case 4: words.4 |= bit
        case 5: words.5 |= bit
        case 6: words.6 |= bit
        default: words.7 |= bit
        }
    }

    private func word(_ index: Int) -> UInt64 {
        switch index {
        case 0: words.0
        case 1: words.1
        case 2: words.2
        case 3: words.3
        case 4: words.4
        case 5: words.5
        case 6: words.6
        default: words.7
        }
    }
}

/// The checksum of one page.
@frozen
public struct WireDigest: Sendable, BitwiseCopyable {
    /// The more significant 64 bits.
    public var high: UInt64
    /// The others.
    public var low: UInt64

    /// Makes a digest.
    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// One page to merge.
@frozen
public struct WireSite: Sendable, BitwiseCopyable {
    /// The area.
    public var area: UInt32
    /// The place in the area.
    public var index: UInt32
    /// The frame to map, or ``wireZeros``.
    public var frame: UInt32
    /// Zero, for later use.
    public var reserved: UInt32 = 0

    /// Describes a site.
    @inlinable
    public init(area: UInt32, index: UInt32, frame: UInt32) {
        self.area = area
        self.index = index
        self.frame = frame
    }
}

/// What a merge or an unmerge took.
@frozen
public struct WireWork: Sendable, BitwiseCopyable {
    /// System calls made.
    public var systemCalls: UInt64 = 0
    /// Bytes compared.
    public var bytesCompared: UInt64 = 0
    /// Writes that met the work and waited.
    public var writesWaited: UInt32 = 0
    /// Reads that waited.
    public var readsWaited: UInt32 = 0
    /// Pages moved and moved back.
    public var pagesMovedBack: UInt32 = 0
    /// Moves that the kernel had not counted, found in the page map.
    public var repairedMoves: UInt32 = 0

    /// Zeros.
    @inlinable
    public init() {}
}

/// The answer to a request to un-share.
@frozen
public struct WireUnshared: Sendable, BitwiseCopyable {
    /// Pages covered from the start; fewer than asked for when it took long: ask again for the rest.
    public var pagesDone: UInt32 = 0
    /// Pages that still share a frame: there was no memory, or no map entry, for a copy.
    public var pagesLeft: UInt32 = 0
    /// What it took.
    public var work = WireWork()

    /// Zeros.
    @inlinable
    public init() {}
}

/// What an agent knows of itself.
@frozen
public struct WireStatistics: Sendable, BitwiseCopyable {
    /// CPU time of the agent's thread, in nanoseconds.
    public var cpuNanoseconds: UInt64 = 0
    /// Map entries of the process, and how many it may have before merging stops making any.
    public var mapEntries: UInt32 = 0
    /// See above.
    public var mapEntryLimit: UInt32 = 0
    /// Bytes of memory that the agent itself takes.
    public var ownBytes: UInt64 = 0
    /// Pages that still lie over frames of another store (an earlier daemon's, or before a fork).
    public var orphanedPages: UInt32 = 0
    /// Map entries that merging has made, by the map tables.
    public var mergedEntries: UInt32 = 0

    /// Zeros.
    @inlinable
    public init() {}
}

/// What merging may take of the map entries of a process.
@frozen
public struct WireEntries: Sendable, BitwiseCopyable {
    /// Entries that runs of ``shortestRun`` may take, in so far as they are not kept for much longer ones.
    public var left: UInt32 = 0
    /// How many there may be in all before merging makes no more.
    public var limit: UInt32 = 0
    /// The shortest run of pages that may take some now; `UInt32.max` when none may.
    public var shortestRun: UInt32 = 0
    /// Zero, for later use.
    public var reserved: UInt32 = 0

    /// Zeros.
    @inlinable
    public init() {}
}

/// Memory that the program marked as mergeable and that is not merged, by reason.
@frozen
public struct WireRefusal: Sendable, BitwiseCopyable {
    /// Raw value of a ``WireReason``.
    public var reason: UInt32
    /// Zero, for later use.
    public var reserved: UInt32 = 0
    /// How much, in bytes.
    public var bytes: UInt64

    /// Describes a refusal.
    @inlinable
    public init(reason: UInt32, bytes: UInt64) {
        self.reason = reason
        self.bytes = bytes
    }
}
