internal import CLinuxMemory

/// The agent's own memory: one mapping, made when the program first maps memory or marks some, of which the kernel
/// gives only the pages that are used.
enum TableMemory {
    /// Ranges at a time.
    static var rangeCapacity: Int { 65536 }
    /// Mappings of the program that are kept in mind; what it maps beyond them is never merged.
    static var mappingCapacity: Int { 131_072 }

    /// Pages of a range whose entries lie in a slot of these tables instead of a mapping of their own: 64 KiB, the smallest
    /// range that is wanted with all memory.
    static var slotPages: Int { 16 }

    private static var rangeBytes: Int { rangeCapacity * MemoryLayout<AgentRange>.stride }
    private static var orderBytes: Int { rangeCapacity * 4 }
    private static var useBytes: Int { rangeCapacity * 2 }
    private static var slotBytes: Int { rangeCapacity * slotPages * MemoryLayout<PageEntry>.stride }
    private static var mappingBytes: Int { mappingCapacity * MemoryLayout<OwnMapping>.stride }
    /// Bytes of the buffer for text of /proc.
    static var textBytes: Int { 65536 }
    /// Bytes of the buffer for pieces of a move.
    static var pieceBytes: Int { 65536 }

    /// Bytes of the whole mapping.
    private static var size: Int {
        rangeBytes + slotBytes + orderBytes + useBytes + mappingBytes + textBytes + pieceBytes
    }

    /// Bytes of it that are in use.
    static var residentBytes: UInt64 {
        guard let base = unsafe tables.ranges else { return 0 }
        // The page that tells of forks is in use, too.
        return residentBytes(UInt(bitPattern: base), size) + 4096
    }

    /// Bytes of a mapping of the agent's that are in memory.
    static func residentBytes(_ start: UInt, _ size: Int) -> UInt64 {
        var bytes: UInt64 = 0
        var offset = 0
        var vector = InlineArray<512, UInt8>(repeating: 0)
        while offset < size {
            let part = min(size - offset, 512 << 12)
            // SAFETY: room for a byte a page.
            let result = unsafe withUnsafeMutableBytes(of: &vector) { room in
                unsafe lm_mincore(start + UInt(offset), part, room.baseAddress?.assumingMemoryBound(to: UInt8.self))
            }
            if result == 0 { for page in 0..<(part + 4095) >> 12 where vector[page] & 1 != 0 { bytes += 4096 } }
            offset += part
        }
        return bytes
    }

    /// Maps the memory, once. The lock is held.
    ///
    /// It stays with forked children: they know what lies over frames by it.
    static func map() -> Bool {
        if unsafe tables.ranges != nil { return true }
        let mapped = lm_mmap(
            0, size, Int32(LM_PROT_READ | LM_PROT_WRITE),
            Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_NORESERVE), -1, 0)
        guard lm_is_error(mapped) == 0 else { return false }
        let sign = lm_mmap(
            0, 4096, Int32(LM_PROT_READ | LM_PROT_WRITE), Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS), -1, 0)
        guard lm_is_error(sign) == 0 else {
            _ = lm_munmap(UInt(bitPattern: mapped), size)
            return false
        }
        _ = lm_madvise(UInt(bitPattern: mapped), size, Int32(LM_MADV_NOHUGEPAGE))
        _ = lm_madvise(UInt(bitPattern: sign), 4096, Int32(LM_MADV_WIPEONFORK))
        // SAFETY: the parts follow one another in the fresh mapping; the sizes keep them aligned.
        unsafe carve(UnsafeMutableRawPointer(bitPattern: mapped).unsafelyUnwrapped)
        unsafe tables.forkSign = UnsafeMutablePointer(bitPattern: sign)
        unsafe tables.forkSign?.pointee = 1
        return true
    }

    private static func carve(_ base: UnsafeMutableRawPointer) {
        var offset = 0
        unsafe tables.ranges = (base + offset).assumingMemoryBound(to: AgentRange.self)
        offset += rangeBytes
        unsafe tables.slots = (base + offset).assumingMemoryBound(to: PageEntry.self)
        offset += slotBytes
        unsafe tables.mappings = (base + offset).assumingMemoryBound(to: OwnMapping.self)
        offset += mappingBytes
        unsafe tables.text = (base + offset).assumingMemoryBound(to: UInt8.self)
        offset += textBytes
        unsafe tables.pieces = (base + offset).assumingMemoryBound(to: MovePiece.self)
        offset += pieceBytes
        unsafe tables.order = (base + offset).assumingMemoryBound(to: UInt32.self)
        offset += orderBytes
        unsafe tables.uses = (base + offset).assumingMemoryBound(to: UInt16.self)
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
    /// For the agent's thread alone.
    var text: UnsafeMutablePointer<UInt8>?
    /// For the agent's thread alone.
    var pieces: UnsafeMutablePointer<MovePiece>?
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
