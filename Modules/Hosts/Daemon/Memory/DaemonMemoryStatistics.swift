/// What merging in a domain did and cost, counted since it began.
package struct DaemonMemoryStatistics: Sendable, Hashable {
    /// Requests sent to agents.
    package var requests: UInt64 = 0
    /// System calls that agents made to observe, merge and unmerge, by their own word.
    package var agentSystemCalls: UInt64 = 0
    /// Bytes that agents compared to merge, by their own word.
    package var agentBytesCompared: UInt64 = 0
    /// Stores of programs that met a merge in flight and waited for it.
    package var writesWaited: UInt64 = 0
    /// Loads of programs that met a merge in flight and waited for it.
    package var readsWaited: UInt64 = 0
    /// Pages that were moved back.
    package var pagesMovedBack: UInt64 = 0
    /// Moves that the kernel reported as failed and had done, found and repaired.
    package var repairedMoves: UInt64 = 0
    /// Pages that agents copied to the daemon.
    package var pagesUploaded: UInt64 = 0
    /// Bytes that the daemon itself read for checksums and comparisons.
    package var bytesRead: UInt64 = 0
    /// Comparisons made byte by byte, because a digest was not to be trusted.
    package var comparisonsRead: UInt64 = 0
    /// New frames whose source had changed before it was copied.
    package var foundersChanged: UInt64 = 0
    /// Frames that pages may map now.
    package var framesInUse = 0
    /// Frames released that wait for the rest of their segment, or for clients to let their segment go.
    package var framesHeld = 0
    /// Segments of frames, retired ones included.
    package var segments = 0
    /// Segments without a frame in use that someone still holds.
    package var retiredSegments = 0
    /// Bytes of memory that the kernel holds for all segments, by its own account.
    package var storedBytes = 0

    /// Takes zeros.
    package init() {}
}
