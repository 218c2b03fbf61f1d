public import PageMemory

/// What the merger asks of whoever drives it. Each request is answered by the call named with it before the next one
/// is fetched.
public enum MergerRequest: Sendable, Hashable {
    /// Observe these pages (``PageObserver/observe(_:pages:into:)``); answer: ``Merger/observed(_:)``, or
    /// ``Merger/observationFailed()``.
    case observe(AreaID, pages: Range<UInt32>)
    /// Take checksums (``PageReader/takeChecksums(of:with:into:)``); answer: ``Merger/checksumsTaken(_:)``.
    case takeChecksums([PageAddress])
    /// Lend a reader for a moment; answer: ``Merger/match(with:)``.
    case match
    /// Carry out a plan (``PageMerger/merge(_:into:)``); answer: ``Merger/merged(_:)``.
    case merge(MergePlan)
    /// Undo merges (``PageMerger/unmerge(_:into:)``); answer: ``Merger/unmerged(_:)``.
    case unmerge([PageAddress])
    /// Frames are free (``PageMerger/release(_:)``); no answer.
    case release([FrameRow])
    /// Forget observations (``PageObserver/forgetObservations(of:)``); no answer.
    case forgetObservations(AreaID)
    /// Sleep, then fetch the next request; also wake when an attribute or an area changes.
    case sleep(milliseconds: UInt32)
    /// Nothing to do until an attribute or an area changes.
    case wait
}

/// What time it is for the merger, told by whoever drives it.
public struct DriverTime: Sendable, Hashable {
    /// A clock that never goes back, in nanoseconds.
    public var nanoseconds: UInt64
    /// CPU time used for merging so far, in nanoseconds.
    public var cpuNanoseconds: UInt64

    /// Makes a time.
    public init(nanoseconds: UInt64, cpuNanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
        self.cpuNanoseconds = cpuNanoseconds
    }

    /// For drivers without a clock.
    public static let none = DriverTime(nanoseconds: 0, cpuNanoseconds: 0)
}
