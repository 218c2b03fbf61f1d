internal import CLinuxMemory

/// The tables of what the program mapped and wants merged: they grow as they fill.
enum TableMemory {
    /// Ranges at a time.
    static var rangeCapacity: Int { 65536 }
    /// Mappings of the program that are kept in mind; what it maps beyond them is never merged.
    static var mappingCapacity: Int { 131_072 }

    /// Pages of a range whose entries lie in a slot of these tables: 64 KiB, the smallest range that is wanted with all
    /// memory. Those of larger ones take pages of their own.
    static var slotPages: Int { 16 }

    /// Bytes of the buffer for text of /proc.
    static var textBytes: Int { 65536 }

    /// Makes the tables ready, once; nothing of them is writable yet. The lock is held.
    ///
    /// They stay with forked children: they know what lies over frames by them.
    static func map() -> Bool {
        if unsafe tables.ranges != nil { return true }
        guard agentMemory.reach(.sign, 4096) else { return false }
        let sign = agentMemory.address(of: .sign)
        _ = lm_madvise(sign, 4096, Int32(LM_MADV_WIPEONFORK))
        // SAFETY: parts of the reservation, each used as one type; zeros are values of all of them.
        unsafe tables.forkSign = UnsafeMutablePointer(bitPattern: sign)
        unsafe tables.forkSign?.pointee = 1
        unsafe tables.slots = UnsafeMutablePointer(bitPattern: agentMemory.address(of: .slots))
        unsafe tables.mappings = UnsafeMutablePointer(bitPattern: agentMemory.address(of: .mappings))
        unsafe tables.order = UnsafeMutablePointer(bitPattern: agentMemory.address(of: .order))
        unsafe tables.uses = UnsafeMutablePointer(bitPattern: agentMemory.address(of: .uses))
        unsafe tables.ranges = UnsafeMutablePointer(bitPattern: agentMemory.address(of: .ranges))
        return true
    }

    /// The tables can take one more range at a place. The lock is held.
    static func reachPlace(_ place: Int, position: Int) -> Bool {
        agentMemory.reach(.ranges, (place + 1) * MemoryLayout<AgentRange>.stride)
            && agentMemory.reach(.uses, (place + 1) * 2) && agentMemory.reach(.order, (position + 1) * 4)
    }
}

/// Where the parts of the agent's memory are, and how full they are. All but the two counts that others read without it
/// belong to whoever holds the lock.
@safe
struct Tables {
    /// Descriptions of ranges, at places that never move.
    var ranges: UnsafeMutablePointer<AgentRange>?
    /// For each place in `ranges` the entries of a range of at most ``TableMemory/slotPages``.
    var slots: UnsafeMutablePointer<PageEntry>?
    /// Places in `ranges`, by ascending address.
    var order: UnsafeMutablePointer<UInt32>?
    /// How often each place has been used.
    var uses: UnsafeMutablePointer<UInt16>?
    /// What the program mapped itself, by ascending address.
    var mappings: UnsafeMutablePointer<OwnMapping>?
    /// A word that reads 0 in a forked child, however it was forked.
    var forkSign: UnsafeMutablePointer<UInt32>?
    /// Ranges there are.
    var rangeCount: UInt32 = 0
    /// Mappings there are.
    var mappingCount: UInt32 = 0
    /// Places in `ranges` that were ever used.
    var placesUsed: UInt32 = 0
    /// The place given back last, plus 1; each such place names the next in its flags.
    var freePlace: UInt32 = 0
    /// Rises with every change of what is mapped, allowed or advised: see ``AgentRange/generation``.
    var generation: UInt32 = 1
}

/// The one set of tables of the process.
nonisolated(unsafe) var tables = Tables()
