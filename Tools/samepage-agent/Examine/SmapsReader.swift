internal import CLinuxMemory

/// Reads /proc/self/smaps entry by entry through a buffer of the agent's, on the agent's thread.
///
/// Between two reads the program may map and unmap: an entry is true of the moment when it was read.
struct SmapsReader: ~Copyable {
    /// The file that it opened itself; -1 where the agent's thread has it open.
    private var opened: Int32 = -1
    /// Where to go on reading; -1 before the start.
    private var offset: Int64 = -1
    /// Bytes in the buffer, and how many of them have been taken.
    private var filled = 0
    private var taken = 0
    /// Whether the file could be read so far.
    private(set) var isWell = true

    /// Whether a job reads while another reader has been left in the middle.
    private let isOfJob = link.isInJob

    /// The file that the agent's thread has open for it; -1 in other threads.
    private var kept: Int32 { unsafe isOfJob ? kernelMap.jobSmaps : kernelMap.smaps }

    private var part: MemoryPart { isOfJob ? .jobText : .text }

    /// Opens nothing yet.
    init() {}

    deinit { if opened >= 0 { _ = lm_close(opened) } }

    /// Reads more of the file, which the agent's thread may have open. As read.
    private mutating func read(_ buffer: UnsafeMutablePointer<UInt8>, _ size: Int) -> Int {
        if offset < 0 {
            guard withAgentLock({ agentMemory.reach(part, TableMemory.textBytes) }) else { return -Int(LM_ENOMEM) }
            offset = 0
            // SAFETY: a literal, terminated by zero.
            if kept < 0 { opened = unsafe lm_open(text("/proc/self/smaps"), Int32(LM_O_RDONLY)) }
        }
        let file = kept >= 0 ? kept : opened
        if file < 0 { return Int(file) }
        // SAFETY: the caller's buffer has that size.
        let got = unsafe lm_pread(file, buffer, size, offset)
        if got > 0 { offset += Int64(got) }
        return got
    }

    /// The next mapping; `nil` at the end, or when the file cannot be read.
    mutating func next() -> MapEntry? {
        var entry: MapEntry?
        while let line = nextLine() {
            if line.hasPrefix("VmFlags:", at: 0) {
                guard var complete = entry else { continue }
                complete.takeFlags(line)
                return complete
            }
            if line.hasPrefix("ProtectionKey:", at: 0) {
                entry?.takeProtectionKey(line)
            } else if entry == nil {
                entry = MapEntry(line)
            }
        }
        return nil
    }

    /// The next line, without its end; it stays where it is until the next call.
    private mutating func nextLine() -> TextLine? {
        // SAFETY: the part is the agent's thread's, and has been made writable when the file was opened.
        let place = agentMemory.address(of: part)
        guard let text = unsafe UnsafeMutablePointer<UInt8>(bitPattern: place) else { return nil }
        var looked = taken
        while true {
            while looked < filled {
                // SAFETY: within the bytes that were read.
                if unsafe text[looked] == 10 {
                    let line = unsafe TextLine(start: UnsafePointer(text + taken), count: looked - taken)
                    taken = looked + 1
                    return line
                }
                looked += 1
            }
            // What is left of a line that was cut goes to the front.
            let rest = filled - taken
            guard rest < TableMemory.textBytes, isWell else { return fail() }
            // SAFETY: both within the buffer; the target is below the source.
            for position in 0..<rest { unsafe text[position] = text[taken + position] }
            taken = 0
            looked = rest
            filled = rest
            let got = unsafe read(text + filled, TableMemory.textBytes - filled)
            if got == -Int(LM_EINTR) { continue }
            guard got > 0 else {
                if got < 0 { isWell = false }
                return nil
            }
            filled += got
        }
    }

    private mutating func fail() -> TextLine? {
        isWell = false
        return nil
    }
}

/// A line of text in a buffer.
@safe
struct TextLine {
    private let start: UnsafePointer<UInt8>
    /// Its bytes.
    let count: Int

    init(start: UnsafePointer<UInt8>, count: Int) {
        unsafe self.start = start
        self.count = count
    }

    /// The byte at a place; 0 from the end on.
    subscript(position: Int) -> UInt8 {
        // SAFETY: the check.
        position >= 0 && position < count ? unsafe start[position] : 0
    }

    /// Whether a text stands at a place.
    func hasPrefix(_ text: StaticString, at position: Int) -> Bool {
        for offset in 0..<text.utf8CodeUnitCount {
            // SAFETY: as many bytes as the text has.
            if unsafe self[position + offset] != text.utf8Start[offset] { return false }
        }
        return true
    }
}

/// A place in a line.
struct LineReader {
    var position = 0

    /// The byte here.
    func peek(_ line: borrowing TextLine) -> UInt8 { line[position] }

    /// The byte here; goes on behind it.
    mutating func next(_ line: borrowing TextLine) -> UInt8 {
        position += 1
        return line[position - 1]
    }

    /// Goes over one byte; `false` if it is another.
    mutating func skip(_ byte: UInt8, _ line: borrowing TextLine) -> Bool { next(line) == byte }

    /// Goes over spaces.
    mutating func skipSpaces(_ line: borrowing TextLine) {
        while peek(line) == 32 { position += 1 }
    }

    /// Goes over a word and the spaces before it, to the start of the next.
    mutating func skipWord(_ line: borrowing TextLine) {
        skipSpaces(line)
        while position < line.count, peek(line) != 32 { position += 1 }
        if position < line.count { position += 1 }
    }

    /// A number in hexadecimal; `nil` if there is none.
    mutating func hexadecimal(_ line: borrowing TextLine) -> UInt? {
        var value: UInt = 0
        let first = position
        while true {
            let byte = peek(line)
            switch byte {
            case 48...57: value = value << 4 | UInt(byte - 48)
            case 97...102: value = value << 4 | UInt(byte - 87)
            default: return position == first ? nil : value
            }
            position += 1
        }
    }
}
