/// What a merge, an unmerge or a discard did, in numbers.
@frozen
public struct RemapReport: Sendable {
    /// System calls made.
    public var systemCalls: UInt32 = 0
    /// Calls of UFFDIO_MOVE among them.
    public var moveCalls: UInt32 = 0
    /// Calls of mmap, mremap and MADV_DONTNEED that replaced pages of the window.
    public var mapCalls: UInt32 = 0
    /// Pages that were moved out of the window.
    public var moved: UInt32 = 0
    /// Pages that were moved back because they had changed after all, or because there was no map entry for them.
    public var movedBack: UInt32 = 0
    /// Pages with the outcome ``RemapOutcome/merged``.
    public var merged: UInt32 = 0
    /// Moves that the kernel had not counted, found in the page map.
    public var repairs: UInt32 = 0
    /// Bytes compared.
    public var bytesCompared: UInt64 = 0
    /// Writes that met the open window and waited.
    public var blockedWrites: UInt32 = 0
    /// Reads that met the open window and waited.
    public var blockedReads: UInt32 = 0
    /// Pages whose content could not be put back, because the program took the memory away meanwhile.
    public var lost: UInt32 = 0
    /// The last error (a positive number), 0 if there was none.
    public var error: Int32 = 0
    /// Whether the window was opened: then all of its pages count as written.
    public var wasOpened = false
    /// Whether tracking of the window could not be resumed: call ``Tracker/track(_:pageCount:)`` for it again.
    public var trackingLost = false

    /// Nothing done yet.
    public init() {}

    /// Adds the numbers of another report.
    public mutating func add(_ other: RemapReport) {
        systemCalls &+= other.systemCalls
        moveCalls &+= other.moveCalls
        mapCalls &+= other.mapCalls
        moved &+= other.moved
        movedBack &+= other.movedBack
        merged &+= other.merged
        repairs &+= other.repairs
        bytesCompared &+= other.bytesCompared
        blockedWrites &+= other.blockedWrites
        blockedReads &+= other.blockedReads
        lost &+= other.lost
        if other.error != 0 { error = other.error }
        if other.wasOpened { wasOpened = true }
        if other.trackingLost { trackingLost = true }
    }

    /// Counts a system call that answers 0 or minus an error number, and keeps the error.
    mutating func count(_ result: Int32) -> Int32 {
        systemCalls &+= 1
        if result < 0 { error = 0 &- result }
        return result
    }
}

/// Why a room of Linux memory could not be opened or a range not be tracked.
@frozen
public struct RemapError: Error, Equatable, Sendable {
    /// What was tried.
    @frozen
    public enum Call: UInt8, Sendable {
        /// Opening a userfaultfd context.
        case openUserfault
        /// UFFDIO_API, that is: a feature is missing.
        case userfaultFeatures
        /// Opening /proc/self/pagemap.
        case openPagemap
        /// mmap of memory of our own.
        case map
        /// UFFDIO_REGISTER.
        case register
        /// UFFDIO_UNREGISTER.
        case unregister
        /// PAGEMAP_SCAN.
        case scan
    }

    /// What was tried.
    public var call: Call
    /// The error number, positive.
    public var code: Int32

    /// Names an error.
    public init(call: Call, code: Int32) {
        self.call = call
        self.code = code
    }
}
