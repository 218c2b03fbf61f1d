/// The language of agents and daemon: one connection a process, one message a packet (SOCK_SEQPACKET), plain structures
/// of fixed layout in the machine's byte order. Both sides check every length, number and range of what they receive.
///
/// 1. The agent connects and says ``WireKind/hello``. The daemon answers ``WireKind/welcome`` or ``WireKind/refused``.
/// 2. The agent announces areas (``WireKind/areaAdded``, ``WireKind/areaRemoved``) whenever it likes, also while a request
///    waits for its answer.
/// 3. The daemon sends requests, one at a time for each connection; each has a sequence number, and the agent
///    answers each with the same number and ``WireHeader/isAnswer``. Segments come before the first merge that
///    needs them.
/// 4. When either side closes, the agent goes on without a daemon: nothing merged is given up.
///
/// A message is a ``WireHeader``, the structure that its kind names (if any), and ``WireHeader/count`` entries of the type that
/// its kind names.
@frozen
public enum WireKind: UInt16, Sendable {
    // From the agent, unasked.

    /// ``WireHello``; entries: none. The first message.
    case hello = 1
    /// Entries: ``WireArea``. Areas that may be scanned from now on.
    case areaAdded = 2
    /// Entries: ``WireArea`` (only the number counts). Nothing of these areas can be read or merged any more.
    case areaRemoved = 3

    // From the daemon, without an answer.

    /// ``WireWelcome``, with descriptors as its flags say.
    case welcome = 16
    /// Entries: bytes of a line of text. The daemon will not serve this process; it closes.
    case refused = 17
    /// ``WireSegment``, with the segment's read-only descriptor.
    case segment = 18
    /// ``WireSegment`` (only the number counts): close it. Pages that lie over it stay as they are.
    case dropSegment = 19
    /// ``WireSettings``.
    case settings = 20

    // Requests of the daemon, each with an answer.

    /// ``WireRange``. Answer: ``WireObserved``, entries ``WireRun``.
    case observe = 32
    /// Entries: ``WirePage``, ascending, at most ``WireLimit/pages``. Answer: ``WirePageSet`` of the pages that could be
    /// read, entries ``WireDigest``, one for each page asked for.
    case checksum = 33
    /// Entries: ``WirePage``, at most ``WireLimit/uploadPages``: copy page n of the list to place n of the upload buffer.
    /// Answer: ``WirePageSet`` of those that were copied.
    case upload = 34
    /// Entries: ``WireSite``, ascending, at most ``WireLimit/sites``. Answer: ``WireWork``, entries: an outcome byte for each
    /// (raw value of `RemapOutcome`).
    case merge = 35
    /// Entries: ``WirePage``, ascending, at most ``WireLimit/pages``. Answer as for ``merge``.
    case unmerge = 36
    /// ``WireRange`` (only the area counts): report every page as changed the next time. Answer: empty.
    case forget = 37
    /// ``WireSegment`` (only the number counts): take pages that still are their frames off this segment.
    /// Answer: ``WireWork``.
    case evacuate = 38
    /// Empty. Answer: ``WireStatistics``, entries ``WireRefusal``.
    case statistics = 39
    /// ``WireRange``: give pages of an area memory of their own again, whatever frame they lie over. Answer:
    /// ``WireUnshared``.
    case unshare = 40
    /// Entries: numbers of areas, 4 bytes each, at most ``WireLimit/areasOfMessage``. Answer: ``WireQuiet``, entries: a byte
    /// for each area. ``WireQuiet/something``: it may have something to tell, the agent did not look, or does not know it;
    /// nothing is told or changed there. Others: an observation of all of it would have nothing to tell, and it counts as
    /// observed. Only for agents that say ``WireHello/tellsQuiet``.
    case quiet = 41
    /// Empty: how many map entries merging may still make. Answer: ``WireEntries``. Only for agents that say
    /// ``WireHello/tellsEntries``.
    case entries = 42
}

/// What both sides hold each other to.
@frozen
public enum WireLimit {
    /// The version of this language; others are refused.
    public static var version: UInt32 { 1 }
    /// Bytes of the longest message.
    public static var message: Int { 32768 }
    /// Pages of a request for checksums or for unmerging.
    public static var pages: Int { 512 }
    /// Sites of a merge request.
    public static var sites: Int { 1024 }
    /// Places in the upload buffer, a page each.
    public static var uploadPages: Int { 256 }
    /// Runs in the answer to an observation.
    public static var runs: Int { 2048 }
    /// Areas of one process.
    public static var areas: Int { 65536 }
    /// Areas of one announcement.
    public static var areasOfMessage: Int { 1024 }
    /// Frames of one segment (64 MiB of 4 KiB pages).
    public static var framesOfSegment: UInt32 { 16384 }
    /// Segments at a time: frame numbers stay below 2^28 - 1.
    public static var segments: UInt32 { 16383 }
    /// Bytes of the text of a refusal.
    public static var text: Int { 512 }
    /// Reasons in ``WireStatistics``.
    public static var reasons: Int { 32 }
}

/// The frame number in a ``WireSite`` that means: the page holds zeros and is to be given back.
@inlinable
public var wireZeros: UInt32 { UInt32.max }
