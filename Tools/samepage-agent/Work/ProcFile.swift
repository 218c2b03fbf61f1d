import CLinuxMemory

/// Files of /proc, read part by part through a buffer of the agent's own.
enum ProcFile {
    /// Bytes of the buffer; a longer line is cut.
    static var capacity: Int { 16384 }

    /// Calls `body` with each line, without its end, until it says `false`. Returns whether the file could be read as
    /// far as that.
    ///
    /// The line is valid during the call only, and `body` must not read another file through here.
    static func forEachLine(_ path: StaticString, _ body: (ByteLine) -> Bool) -> Bool {
        forEachLine(of: open(path), body)
    }

    /// Opens a file or a directory for reading; below 0: an error.
    static func open(_ path: StaticString) -> Int32 {
        // SAFETY: literals are terminated by zero.
        let text = unsafe UnsafeRawPointer(path.utf8Start).assumingMemoryBound(to: CChar.self)
        return unsafe lm_open(text, Int32(LM_O_RDONLY))
    }

    /// The same for an open file, which it closes; a number below 0 is an error.
    static func forEachLine(of descriptor: Int32, _ body: (ByteLine) -> Bool) -> Bool {
        guard descriptor >= 0 else { return false }
        defer { _ = lm_close(descriptor) }
        let buffer = unsafe buffers.file
        var held = 0
        while true {
            // SAFETY: the buffer has `capacity` bytes, of which `held` are used.
            let got = unsafe lm_read(descriptor, buffer + held, capacity - held)
            if got == -Int(LM_EINTR) { continue }
            guard got >= 0 else { return false }
            guard got > 0 else {
                if held > 0 { _ = body(unsafe ByteLine(bytes: buffer, count: held)) }
                return true
            }
            let end = held + got
            var start = 0
            var next = held
            while next < end {
                // SAFETY: `next` is below the bytes that were read.
                if unsafe buffer[next] == UInt8(ascii: "\n") {
                    if !body(unsafe ByteLine(bytes: buffer + start, count: next - start)) { return true }
                    start = next + 1
                }
                next += 1
            }
            held = end - start
            if held == capacity {
                // A line longer than the buffer: its beginning is all that is looked at.
                if !body(unsafe ByteLine(bytes: buffer, count: held)) { return true }
                held = 0
            } else if start > 0 {
                for place in 0..<held { unsafe buffer[place] = buffer[start + place] }
            }
        }
    }

    /// The number of lines of an open file, from its start; `nil` if it cannot be read.
    static func lines(of descriptor: Int32) -> Int? {
        guard descriptor >= 0 else { return nil }
        var lines = 0
        var offset = 0
        while true {
            // SAFETY: the buffer has `capacity` bytes.
            let got = unsafe lm_pread(descriptor, buffers.file, capacity, Int64(offset))
            if got == -Int(LM_EINTR) { continue }
            guard got > 0 else { return got == 0 ? lines : nil }
            for place in 0..<got where unsafe buffers.file[place] == UInt8(ascii: "\n") { lines += 1 }
            offset += got
        }
    }

    /// The number that a file holds; `nil` if it cannot be read.
    static func number(_ path: StaticString) -> Int? {
        var found: Int?
        _ = forEachLine(path) { line in
            found = line.number(at: 0)
            return false
        }
        return found
    }
}

/// A line of a file, in a buffer of someone else.
@safe
struct ByteLine {
    private let bytes: UnsafePointer<UInt8>
    /// Its length.
    let count: Int

    init(bytes: UnsafeMutablePointer<UInt8>, count: Int) {
        unsafe self.bytes = UnsafePointer(bytes)
        self.count = count
    }

    /// The byte at a place; 0 outside of the line.
    subscript(place: Int) -> UInt8 {
        // SAFETY: the check.
        place >= 0 && place < count ? unsafe bytes[place] : 0
    }

    /// Whether the line has a text at a place.
    func has(_ text: StaticString, at place: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        guard place >= 0, count - place >= length else { return false }
        for offset in 0..<length {
            // SAFETY: below the length of the literal.
            if unsafe self[place + offset] != text.utf8Start[offset] { return false }
        }
        return true
    }

    /// Whether the line begins with a text.
    func begins(_ text: StaticString) -> Bool { has(text, at: 0) }

    /// Whether the line ends with a text.
    func ends(_ text: StaticString) -> Bool { has(text, at: count - text.utf8CodeUnitCount) }

    /// The number at a place, after blanks; `nil` if there is none. Digits beyond the largest number saturate it.
    func number(at start: Int, radix: Int = 10) -> Int? {
        var place = start
        while self[place] == UInt8(ascii: " ") || self[place] == UInt8(ascii: "\t") { place += 1 }
        var value = 0
        var digits = 0
        while place < count {
            let digit = Int(self[place]) - 48
            guard digit >= 0, digit < radix else { break }
            value = value > Int.max / 16 ? value : value * radix + digit
            digits += 1
            place += 1
        }
        return digits > 0 ? value : nil
    }
}
