import CLinuxMemory

/// The agent's connection. Only its thread uses it.
@safe
struct LinkState {
    /// How far the connection is.
    enum Stage {
        /// There is none.
        case closed
        /// Hello was said.
        case greeting
        /// The daemon has welcomed the process.
        case serving
    }

    var stage = Stage.closed
    /// The socket; -1 without one.
    var socket: Int32 = -1
    /// The signalfd by which threads of the program wake this one; -1 where it could not be opened.
    var doorbell: Int32 = -1
    /// The upload buffer; -1 without one.
    var uploadBuffer: Int32 = -1
    /// When the memory of the upload buffer is given back; `nil` when it has none.
    var uploadTrimDue: UInt64?
    /// The user of the process when it connected.
    var user: UInt32 = 0
    /// Connections so far that were welcomed.
    var welcomes: UInt32 = 0
    /// Tries since the last welcome.
    var failures: UInt32 = 0
    /// When to connect again, or when to stop waiting for the welcome (monotonic).
    var deadline: UInt64 = 0
    /// When they may be looked after again.
    var lookDue: UInt64 = 0
    /// The ranges may need something.
    var needsLook = true
    /// The store of the last welcome; both 0 before the first.
    var storeHigh: UInt64 = 0
    var storeLow: UInt64 = 0
    /// The checksum that the daemon asks for.
    var checksum = WireChecksum.daemon
    /// The daemon's settings.
    var settings = WireSettings()
    /// Why nothing can be merged here; `nil` if it can, or nobody knows yet.
    var missing: WireReason?
    /// The process was forked from one with the agent in it, and its map tables still say what they said there.
    var isForked = false
    var mustOrphan = false
    /// Where the search for written pages of stores that are gone, and for those not wanted any more, goes on; `nil`
    /// when there is none under way.
    var leftOverCursor: UInt?
    /// The thread has to end: it may not do what the program may, or its CPU time is needed.
    var mustRest = false
    /// A job is under way, from within a request.
    var isInJob = false
}

/// The connection of the process.
@safe
nonisolated(unsafe) var link = LinkState()

/// The monotonic clock, in nanoseconds.
func now() -> UInt64 { lm_kernel_clock(Int32(LM_CLOCK_MONOTONIC)) }

/// Seconds as nanoseconds.
func seconds(_ count: UInt64) -> UInt64 { count * 1_000_000_000 }
