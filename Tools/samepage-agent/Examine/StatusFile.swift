internal import CLinuxMemory

/// A file of /proc/…/status, of a process or a thread.
@safe
struct StatusFile {
    private var room = InlineArray<4096, UInt8>(repeating: 0)
    private var size = 0

    /// Reads an open file from its start; `nil` if it cannot be read.
    ///
    /// - Parameter again: Whether it may have been read before; otherwise it is read by the call that the loader makes.
    init?(descriptor: Int32, again: Bool = true) {
        // SAFETY: the room has that size.
        size = unsafe withUnsafeMutableBytes(of: &room) {
            let start = unsafe $0.baseAddress.unsafelyUnwrapped
            return unsafe again ? lm_pread(descriptor, start, 4096, 0) : lm_read(descriptor, start, 4096)
        }
        guard size > 0 else { return nil }
    }

    /// Where the value of a field begins; `nil` if the file has none of that name (`Name:`).
    private func place(of name: StaticString) -> Int? {
        let length = name.utf8CodeUnitCount
        let size = size
        // SAFETY: the room holds so many bytes of text, and nothing is read beyond them or the end of the literal.
        return unsafe withUnsafeBytes(of: room) { bytes in
            let text = unsafe bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
            var start = 0
            while start + length < size {
                var matched = 0
                while matched < length, unsafe text[start + matched] == name.utf8Start[matched] { matched += 1 }
                if matched == length { return start + length }
                while start < size, unsafe text[start] != 10 { start += 1 }
                start += 1
            }
            return nil
        }
    }

    /// The number in a field; `nil` if there is no such field.
    func number(_ name: StaticString) -> Int? {
        guard var place = place(of: name) else { return nil }
        while place < size, room[place] == 32 || room[place] == 9 { place += 1 }
        var value = 0
        while place < size, room[place] >= 48, room[place] < 58 {
            value = value &* 10 &+ Int(room[place] - 48)
            place += 1
        }
        return value
    }

    /// A digest (FNV-1a) of a field's text.
    func digest(_ name: StaticString, _ before: UInt64 = 0xCBF2_9CE4_8422_2325) -> UInt64 {
        var value = before
        var place = place(of: name) ?? size
        while place < size, room[place] != 10 {
            value = (value ^ UInt64(room[place])) &* 0x100_0000_01B3
            place += 1
        }
        return (value ^ 10) &* 0x100_0000_01B3
    }

    /// A digest of all that says what its thread may do. What only counts for programs that it starts is left out: it starts none.
    var rights: UInt64 {
        var value = digest("Uid:")
        value = digest("Gid:", value)
        value = digest("Groups:", value)
        value = digest("CapPrm:", value)
        return digest("CapEff:", value)
    }
}
