internal import CLinuxMemory

/// Whether the program inherited a filter of its system calls, which nobody can read, or has no /proc: then nothing is merged in it.
///
/// Such a filter permits what is done here: its loader has just done the same to load this library. What else it permits is
/// not known, and it may end the program for any other call.
func isFiltered() -> Bool {
    let file = unsafe lm_open(text("/proc/self/status"), Int32(LM_O_RDONLY))
    defer { if file >= 0 { _ = lm_close(file) } }
    guard file >= 0, let status = StatusFile(descriptor: file, again: false) else { return true }
    return status.number("Seccomp:").map { $0 != 0 } ?? false
}

/// Whether the program is one of those that are not merged.
func isUnmergedProgram(_ environment: Environment) -> Bool {
    var room = InlineArray<1024, UInt8>(repeating: 0)
    // SAFETY: the room has that size, and the path no more bytes.
    return unsafe withUnsafeMutableBytes(of: &room) { room in
        let length = unsafe lm_program_path(
            room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self), room.count)
        var start = length
        while start > 0, unsafe room[start - 1] != UInt8(ascii: "/") { start -= 1 }
        let name = unsafe UnsafeRawBufferPointer(rebasing: room[start..<length]).assumingMemoryBound(to: UInt8.self)
        return unsafe isUnmerged(name, environment)
    }
}

/// Whether a program of that name is not merged.
private func isUnmerged(_ name: UnsafeBufferPointer<UInt8>, _ environment: Environment) -> Bool {
    if unsafe UnmergedPrograms.reason(name) != nil { return true }
    guard let list = unsafe environment.value(of: "SAMEPAGE_NO_MERGE") else { return false }
    let length = unsafe textLength(of: list)
    // SAFETY: so many bytes.
    return unsafe list.withMemoryRebound(to: UInt8.self, capacity: length) {
        unsafe UnmergedPrograms.isListed(name, in: UnsafeBufferPointer(start: $0, count: length))
    }
}
