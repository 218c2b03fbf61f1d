internal import CLinuxMemory

/// The kernel's map of the process: files of /proc that the agent's thread opens when it starts, and keeps. It can ask them
/// after chroot, and where no more files may be opened. In other threads they are not open.
struct KernelMap {
    /// /proc/self/maps; -1 while it is not open.
    private(set) var maps: Int32 = -1
    /// /proc/self/smaps.
    private(set) var smaps: Int32 = -1
    /// The same for a job that comes while the other is being read: the kernel keeps one place in each open file, and goes
    /// on elsewhere in the map for whoever comes back to another place.
    private(set) var jobSmaps: Int32 = -1

    /// Opens those that are not open, in the agent's thread.
    mutating func open() {
        // SAFETY: literals, terminated by zero.
        if maps < 0 { maps = max(-1, unsafe lm_open(text("/proc/self/maps"), Int32(LM_O_RDONLY))) }
        if smaps < 0 { smaps = max(-1, unsafe lm_open(text("/proc/self/smaps"), Int32(LM_O_RDONLY))) }
        if jobSmaps < 0 { jobSmaps = max(-1, unsafe lm_open(text("/proc/self/smaps"), Int32(LM_O_RDONLY))) }
    }

    /// Whether there was no /proc, or no place for a file, when they were to be opened.
    var isMissing: Bool { maps < 0 || smaps < 0 || jobSmaps < 0 }

    /// Closes them, in the agent's thread.
    mutating func close() {
        if maps >= 0 { _ = lm_close(maps) }
        if smaps >= 0 { _ = lm_close(smaps) }
        if jobSmaps >= 0 { _ = lm_close(jobSmaps) }
        self = KernelMap()
    }

    /// What the kernel says of an address.
    enum Answer {
        /// The mapping there, or the next one. Its advice is not known.
        case mapping(MapEntry)
        /// Nothing is mapped from there on.
        case nothing
        /// The kernel cannot be asked.
        case unknown
    }

    /// Asks for the mapping at an address or behind it.
    func ask(_ address: UInt) -> Answer {
        guard maps >= 0 else { return .unknown }
        var query = lm_map_query()
        var name = InlineArray<64, CChar>(repeating: 0)
        // SAFETY: room for 64 bytes of the name.
        let result = unsafe withUnsafeMutableBytes(of: &name) { room in
            unsafe lm_query_map(
                maps, address, &query, room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self))
        }
        if result == -Int32(LM_ENOENT) { return .nothing }
        guard result == 0 else { return .unknown }
        return .mapping(MapEntry(query, isNamed: KernelMap.isSegment(name)))
    }

    private static func isSegment(_ name: InlineArray<64, CChar>) -> Bool {
        let wanted: StaticString = "/memfd:samepage-frames"
        for place in 0..<wanted.utf8CodeUnitCount {
            // SAFETY: below the length of the literal, which is shorter than the room.
            if unsafe UInt8(bitPattern: name[place]) != wanted.utf8Start[place] { return false }
        }
        return true
    }

    /// Whether frames lie at all pages between two addresses. Where the kernel cannot be asked, what the tables say.
    func areFrames(_ start: UInt, _ end: UInt) -> Bool {
        var address = start
        while address < end {
            switch ask(address) {
            case .unknown: return true
            case .nothing: return false
            case .mapping(let entry):
                guard entry.start <= address, entry.isSegment else { return false }
                address = entry.end
            }
        }
        return true
    }
}

/// The kernel's map, for the agent's thread.
nonisolated(unsafe) var kernelMap = KernelMap()

/// Goes from mapping to mapping by ascending address. The kernel is asked for one mapping at a time; only for what neither it
/// nor the tables know, advice and locks, is its whole map read, once. The lock is held.
struct MapWalk: ~Copyable {
    private var reader = SmapsReader()
    private var canAsk = true

    /// Whether the kernel has answered so far.
    var isWell: Bool { reader.isWell }

    /// The mapping at an address or the next one; `nil` where there is none, or when the kernel does not answer.
    ///
    /// - Parameters:
    ///   - address: No lower than that of the call before.
    ///   - limit: Where interest ends.
    mutating func next(from address: UInt, limit: UInt) -> MapEntry? {
        if canAsk {
            switch unsafe kernelMap.ask(address) {
            case .nothing: return nil
            case .unknown: canAsk = false
            case .mapping(var entry):
                if entry.start >= limit || entry.isSharedOrFile && !entry.isSegment { return entry }
                if let advice = ranges.knownAdvice(max(entry.start, address), min(entry.end, limit)) {
                    entry.advice = advice
                    return entry
                }
            }
        }
        return read(from: address)
    }

    private mutating func read(from address: UInt) -> MapEntry? {
        while let entry = reader.next() { if entry.end > address { return entry } }
        return nil
    }
}

extension RangeTable {
    /// The advice of pages of which all is known that only the kernel would know else: they can be read and written, and
    /// are not locked. `nil` where that does not hold for all, or their advice differs.
    func knownAdvice(_ start: UInt, _ end: UInt) -> RemapAdvice? {
        var advice: RemapAdvice?
        var isKnown = true
        var reached = start
        unsafe forEachPart(start, end) { range, first, last in
            let base = unsafe range.pointee.base
            guard isKnown, unsafe range.pointee.area != 0, base + UInt(first) << 12 == reached,
                unsafe advice == nil || advice == range.pointee.advice
            else {
                isKnown = false
                return
            }
            // SAFETY: places of the range's own pages.
            for page in first..<last {
                let entry = unsafe range.pointee.entries[page]
                if entry.isUnfit || entry.isGone && !entry.liesOverFrame { isKnown = false }
            }
            advice = unsafe range.pointee.advice
            reached = base + UInt(last) << 12
        }
        return isKnown && reached == end ? advice : nil
    }
}
