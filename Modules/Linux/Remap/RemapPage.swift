/// What a page of a merge is, and what is to become of it.
@frozen
public enum RemapKind: UInt8, Sendable {
    /// A page of anonymous memory; it is to map its frame. Safe against writes through pins.
    case frame
    /// A page of anonymous memory that holds zeros: it is given back, and nothing mapped.
    case zeros
    /// A page of a merged run that still is its frame; it is to map another. One that was written since is busy: the
    /// kernel offers no test for writes through pins there.
    case shared
    /// A page of a merged run that still is its frame, of zeros: it becomes anonymous memory, empty.
    case sharedZeros
}

/// What became of a page of a merge or of an unmerge.
@frozen
public enum RemapOutcome: UInt8, Sendable {
    /// Not decided: only before the call.
    case pending
    /// The page maps its frame, or nothing where it held zeros. After an unmerge: the page is anonymous memory.
    case merged
    /// The bytes differ from the frame's; the page is as it was.
    case changed
    /// The page holds nothing.
    case gone
    /// The page is pinned, or shared with a forked child, or changes all the time; or it is a page of a merged
    /// run that was written since. It is as it was.
    case busy
    /// No map entries left (mmap or registration said ENOMEM); the page is as it was.
    case mapLimit
    /// The kernel had no memory for it; the page is as it was.
    case outOfMemory
    /// Unfit memory (locked, of another kind, not mapped), or an unexpected error, see ``RemapReport/error``.
    /// The page is as it was.
    case failed
    /// After an unmerge: the page had been written since its merge, so it has private memory already and was left
    /// in place: it may be pinned, and a copy of it would lose what comes through the pin.
    case rewritten

    /// Whether a page to merge was refused for a reason of its own or of the system's, whatever it holds.
    @inlinable
    public var isRefusal: Bool {
        switch self {
        case .busy, .mapLimit, .outOfMemory, .failed: true
        case .pending, .merged, .changed, .gone, .rewritten: false
        }
    }
}

/// Advice that the program gave for an area, to be given again for each mapping that replaces a part of it.
@frozen
public struct RemapAdvice: RawRepresentable, Equatable, Sendable {
    /// The bits.
    public var rawValue: UInt8

    /// Takes the bits.
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// No advice.
    public static var none: Self { Self(rawValue: 0) }
    /// MADV_DONTFORK.
    public static var dontFork: Self { Self(rawValue: 1) }
    /// MADV_DONTDUMP.
    public static var dontDump: Self { Self(rawValue: 2) }
    /// MADV_HUGEPAGE.
    public static var hugePage: Self { Self(rawValue: 4) }
    /// MADV_NOHUGEPAGE.
    public static var noHugePage: Self { Self(rawValue: 8) }
    /// Not advice, but kept with it: the program mapped the area with MAP_NORESERVE, and so are its replacements.
    public static var noReserve: Self { Self(rawValue: 16) }

    /// Whether all of the other's bits are set.
    @inlinable
    public func contains(_ other: Self) -> Bool { rawValue & other.rawValue == other.rawValue }
}

// An option set can be written as an array, which the Embedded Swift of the agent has not.
#if !hasFeature(Embedded)
    extension RemapAdvice: OptionSet {}
#endif

/// One page to merge: plain data, filled in by the caller but for ``outcome``.
@safe
@frozen
public struct RemapPage {
    /// The frame's bytes in a mapping of the caller's own that cannot be written; not used for zeros.
    public var frame: UnsafeRawPointer?
    /// Where the frame lies in its segment, in bytes.
    public var fileOffset: UInt64
    /// The page's place in the window.
    public var index: UInt32
    /// The descriptor of the segment. Frames join only if the descriptors are the same (one `open` each).
    public var segment: Int32
    /// What the page is.
    public var kind: RemapKind
    /// The area's advice.
    public var advice: RemapAdvice
    /// What became of the page; filled in by the merge.
    public var outcome: RemapOutcome
    /// Whether it is busy because another process maps it too; filled in by the merge, where that was looked at.
    public var isShared = false

    /// Describes a page to merge.
    public init(
        index: UInt32, kind: RemapKind, frame: UnsafeRawPointer? = nil, segment: Int32 = -1, fileOffset: UInt64 = 0,
        advice: RemapAdvice = .none
    ) {
        unsafe self.frame = frame
        self.fileOffset = fileOffset
        self.index = index
        self.segment = segment
        self.kind = kind
        self.advice = advice
        self.outcome = .pending
    }
}
