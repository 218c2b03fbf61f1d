internal import CLinuxMemory

/// Whether the agent does nothing in this program from its start: it is confined by a filter that nobody can read, or is one
/// of those that are not merged.
///
/// A filter that the program inherited permits what is done here: its loader has just done the same to load this library.
func mustStayOff(_ environment: Environment) -> Bool {
    let file = unsafe lm_open(text("/proc/self/status"), Int32(LM_O_RDONLY))
    defer { if file >= 0 { _ = lm_close(file) } }
    // Without /proc nothing is merged anyway.
    guard file >= 0, let status = StatusFile(descriptor: file, again: false) else { return true }
    if let mode = status.number("Seccomp:"), mode != 0 { return true }
    var name = ProgramName()
    // SAFETY: the room has that size.
    let length = unsafe withUnsafeMutableBytes(of: &name.room) { room in
        unsafe lm_program_path(room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self), 1024)
    }
    name.cut(length)
    return unsafe name.isShipped || name.isListed(unsafe environment.value(of: "SAMEPAGE_NO_MERGE"))
}

/// The name of the program's file, without its folders.
@safe
struct ProgramName {
    var room = InlineArray<1024, UInt8>(repeating: 0)
    private var start = 0
    private var end = 0

    /// Takes the last part of a path of so many bytes.
    mutating func cut(_ length: Int) {
        end = max(0, length)
        start = end
        while start > 0, room[start - 1] != UInt8(ascii: "/") { start -= 1 }
    }

    /// Programs that are never merged with `--merge-any`'s help or without, and why.
    var isShipped: Bool {
        // Chromium and what is built on it: the process that starts all others looks into /proc/self/task before it
        // confines itself, and ends when it finds a thread that it did not start.
        matches("chrome") || matches("chromium") || matches("chromium-browser") || matches("headless_shell")
            || matches("electron*") || matches("brave") || matches("msedge") || matches("opera")
            || matches("vivaldi-bin") || matches("QtWebEngineProcess")
    }

    /// Whether one of the patterns in a list, divided by `:` or `,`, fits.
    func isListed(_ list: UnsafePointer<CChar>?) -> Bool {
        guard var pattern = unsafe list else { return false }
        while true {
            var length = 0
            // SAFETY: up to the zero byte.
            while unsafe !isEnd(pattern[length]) { length += 1 }
            if length > 0 {
                // SAFETY: so many bytes of the list.
                let fits = unsafe pattern.withMemoryRebound(to: UInt8.self, capacity: length) {
                    unsafe matches($0, length)
                }
                if fits { return true }
            }
            if unsafe pattern[length] == 0 { return false }
            unsafe pattern += length + 1
        }
    }

    /// Whether a byte ends a pattern of a list.
    private func isEnd(_ byte: CChar) -> Bool { byte == 0 || byte == 58 || byte == 44 }

    private func matches(_ pattern: StaticString) -> Bool {
        unsafe matches(pattern.utf8Start, pattern.utf8CodeUnitCount)
    }

    /// Whether the name fits a pattern, in which `*` stands for any bytes.
    private func matches(_ pattern: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        var place = start
        var next = 0
        var afterStar: Int?
        var retry = start
        while place < end {
            // SAFETY: below the length.
            if next < length, unsafe pattern[next] == UInt8(ascii: "*") {
                next += 1
                afterStar = next
                retry = place
            } else if next < length, unsafe pattern[next] == room[place] {
                next += 1
                place += 1
            } else if let afterStar {
                next = afterStar
                retry += 1
                place = retry
            } else {
                return false
            }
        }
        while next < length, unsafe pattern[next] == UInt8(ascii: "*") { next += 1 }
        return start < end && next == length
    }
}
