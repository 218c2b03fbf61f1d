internal import CLinuxMemory

/// What /proc/self/smaps says of one mapping.
struct MapEntry {
    /// The first address.
    var start: UInt = 0
    /// The address after the last.
    var end: UInt = 0
    var isReadable = false
    var isWritable = false
    var isExecutable = false
    /// Of a file, or shared.
    var isSharedOrFile = false
    /// A private mapping of a segment of frames.
    var isSegment = false
    /// Advice, as its flags say.
    var advice = RemapAdvice.none
    /// What the flags and the protection key have against a merge.
    var obstacle = WireReason.notExamined

    /// As mmap takes it.
    var protection: Int32 {
        Int32(isReadable ? LM_PROT_READ : 0) | Int32(isWritable ? LM_PROT_WRITE : 0)
            | Int32(isExecutable ? LM_PROT_EXEC : 0)
    }

    /// Why its pages cannot merge; `nil` if nothing is against it.
    var refusal: WireReason? {
        if isSharedOrFile, !isSegment { return .sharedOrFile }
        if obstacle != .notExamined { return obstacle }
        if excludesAdvice(advice) { return .dontDump }
        return isReadable && isWritable && !isExecutable ? nil : .protection
    }

    /// Takes the first line: addresses, permissions, offset, device, inode, name.
    init?(_ line: borrowing TextLine) {
        var reader = LineReader()
        guard let start = reader.hexadecimal(line), reader.skip(45, line), let end = reader.hexadecimal(line),
            reader.skip(32, line)
        else { return nil }
        self.start = start
        self.end = end
        isReadable = reader.next(line) == 114
        isWritable = reader.next(line) == 119
        isExecutable = reader.next(line) == 120
        let isShared = reader.next(line) == 115
        reader.skipWord(line)
        reader.skipWord(line)
        let inode = reader.peek(line)
        reader.skipWord(line)
        reader.skipSpaces(line)
        let ofSegment = line.hasPrefix("/memfd:samepage-frames", at: reader.position)
        let hasName = reader.position < line.count
        let namedByProgram = line.hasPrefix("[anon", at: reader.position)
        isSegment = ofSegment && !isShared
        isSharedOrFile = isShared || inode != 48
        // [heap], [stack] and others of the kernel's.
        if hasName, !namedByProgram, !isSharedOrFile { obstacle = .notMappedByProgram }
    }

    /// Takes what the kernel answers for one mapping, without advice.
    init(_ query: lm_map_query, isNamed: Bool) {
        start = UInt(query.start)
        end = UInt(query.end)
        isReadable = query.flags & UInt64(LM_MAP_IS_READABLE) != 0
        isWritable = query.flags & UInt64(LM_MAP_IS_WRITABLE) != 0
        isExecutable = query.flags & UInt64(LM_MAP_IS_EXECUTABLE) != 0
        let isShared = query.flags & UInt64(LM_MAP_IS_SHARED) != 0
        isSegment = isNamed && !isShared
        isSharedOrFile = isShared || query.inode != 0
    }

    /// Takes a protection key.
    mutating func takeProtectionKey(_ line: borrowing TextLine) {
        var reader = LineReader()
        reader.position = 14
        reader.skipSpaces(line)
        if reader.peek(line) != 48 { obstacle = .specialKind }
    }

    /// Takes the flags, the last line of an entry.
    mutating func takeFlags(_ line: borrowing TextLine) {
        var position = 8
        while position + 1 < line.count {
            if line[position] == 32 {
                position += 1
                continue
            }
            take(line[position], line[position + 1])
            position += 2
        }
    }

    /// Takes one flag. Unknown ones mean memory of a kind that nobody thought of here.
    private mutating func take(_ first: UInt8, _ second: UInt8) {
        switch UInt16(first) << 8 | UInt16(second) {
        case Flag("rd"), Flag("wr"), Flag("ex"), Flag("mr"), Flag("mw"), Flag("me"), Flag("ac"), Flag("sd"),
            Flag("mg"), Flag("sr"), Flag("rr"), Flag("uw"), Flag("??"):
            break
        case Flag("dc"): advice = RemapAdvice(rawValue: advice.rawValue | RemapAdvice.dontFork.rawValue)
        case Flag("dd"): advice = RemapAdvice(rawValue: advice.rawValue | RemapAdvice.dontDump.rawValue)
        case Flag("hg"): advice = RemapAdvice(rawValue: advice.rawValue | RemapAdvice.hugePage.rawValue)
        case Flag("nh"): advice = RemapAdvice(rawValue: advice.rawValue | RemapAdvice.noHugePage.rawValue)
        case Flag("nr"): advice = RemapAdvice(rawValue: advice.rawValue | RemapAdvice.noReserve.rawValue)
        case Flag("lo"), Flag("lf"): obstacle = .locked
        case Flag("wf"): obstacle = .wipeOnFork
        case Flag("um"), Flag("ui"): obstacle = .userfaultInUse
        case Flag("sh"), Flag("ms"): obstacle = .sharedOrFile
        default: obstacle = .specialKind
        }
    }

    private func Flag(_ name: StaticString) -> UInt16 {
        // SAFETY: all names here have two bytes.
        unsafe UInt16(name.utf8Start[0]) << 8 | UInt16(name.utf8Start[1])
    }
}
