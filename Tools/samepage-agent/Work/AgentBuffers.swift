import CLinuxMemory

/// Memory of the agent's thread, used again and again. No lock protects it.
@safe
struct AgentBuffers {
    /// Where the buffers begin; 0 before there are any.
    private var memory: UInt = 0

    /// Bytes of all buffers.
    static var size: Int { 266240 }
    /// Where the page of ``NewsSign`` lies in them.
    static var signPage: Int { 262144 }
    /// Runs of one scan of the page map.
    static var trackedCapacity: Int { 2048 }
    /// Pages of one scan.
    static var scanLength: UInt32 { 16384 }

    /// Makes the buffers ready; `false` when there is no memory.
    mutating func prepare() -> Bool {
        guard withAgentLock({ agentMemory.reach(.buffers, AgentBuffers.size) }) else { return false }
        memory = agentMemory.address(of: .buffers)
        return true
    }

    /// A part of the buffers.
    private func part<Value: ~Copyable>(_ offset: UInt, _: Value.Type) -> UnsafeMutablePointer<Value> {
        // SAFETY: the parts below lie within the buffers and do not overlap; each is used as one type only, and every
        // bit pattern of zeros is a value of these types.
        unsafe UnsafeMutablePointer(bitPattern: memory + offset).unsafelyUnwrapped
    }

    /// A message from the daemon: ``WireLimit/message`` bytes.
    var received: UnsafeMutablePointer<UInt8> { unsafe part(0, UInt8.self) }
    /// A message to the daemon: as many.
    var answer: UnsafeMutablePointer<UInt8> { unsafe part(32768, UInt8.self) }
    /// Runs of the page map: ``trackedCapacity``.
    var tracked: UnsafeMutablePointer<TrackedRun> { unsafe part(65536, TrackedRun.self) }
    /// The pages of one window: 512, of at most 40 bytes.
    var pages: UnsafeMutablePointer<RemapPage> { unsafe part(114688, RemapPage.self) }
    /// What became of the pages of an unmerged window: 512.
    var results: UnsafeMutablePointer<RemapOutcome> { unsafe part(135168, RemapOutcome.self) }
    /// What became of the sites or pages of a request: ``WireLimit/sites``.
    var outcomes: UnsafeMutablePointer<RemapOutcome> { unsafe part(136192, RemapOutcome.self) }
    /// What is to be said of the pages of one scan: ``scanLength``.
    var states: UnsafeMutablePointer<UInt8> { unsafe part(139264, UInt8.self) }
    /// The runs of an answer: ``WireLimit/runs``.
    var runs: UnsafeMutablePointer<WireRun> { unsafe part(155648, WireRun.self) }
    /// The digests of an answer: ``WireLimit/pages``.
    var digests: UnsafeMutablePointer<WireDigest> { unsafe part(172032, WireDigest.self) }
    /// The sites of a request: ``WireLimit/sites``.
    var sites: UnsafeMutablePointer<WireSite> { unsafe part(180224, WireSite.self) }
    /// Page map entries of one window: 512.
    var pageMap: UnsafeMutablePointer<UInt64> { unsafe part(196608, UInt64.self) }
    /// A part of a file of /proc: ``ProcFile/capacity`` bytes.
    var file: UnsafeMutablePointer<UInt8> { unsafe part(200704, UInt8.self) }
    /// Pages taken back: ``TakenBack/capacity``.
    var takenBackPages: UnsafeMutablePointer<UInt64> { unsafe part(217088, UInt64.self) }
    /// Entries of a directory: 8192 bytes.
    var directory: UnsafeMutablePointer<UInt8> { unsafe part(249856, UInt8.self) }
    /// Room for the remapper.
    var remapperRoom: UnsafeMutablePointer<Remapper> { unsafe part(258048, Remapper.self) }
}

/// The buffers of the process.
@safe
nonisolated(unsafe) var buffers = AgentBuffers()
