import CLinuxMemory

/// Signs that someone may write to this process's pages behind the page tables: device I/O through pinned pages.
///
/// A page that was merged and written since lies in a private file mapping, where the kernel's pin test (UFFDIO_MOVE)
/// does not
/// work. Such pages are merged again only while none of these signs is there. What cannot be read counts as a sign.
struct PinSigns {
    private var isClear = false
    /// From when on it is to be found anew.
    private var renewalDue: UInt64 = 0
    /// Until when the answer holds.
    private var validUntil: UInt64 = 0

    /// Whether no sign was found lately. An answer holds for some milliseconds, longer where finding it costs more.
    var areAbsent: Bool { isClear && now() < validUntil }

    /// Looks again, if the last answer is about to expire. Not under the lock: it takes as long as the process is
    /// large.
    ///
    /// - Complexity: O(n) in the map entries and descriptors of the process.
    mutating func refresh() {
        let start = now()
        if start < renewalDue { return }
        isClear = PinSigns.look()
        let end = now()
        // Four fifths of the time at least are left for work.
        renewalDue = end + max(3_000_000, 4 * (end - start))
        // Long enough for what begins just before the renewal.
        validUntil = renewalDue + 5_000_000
    }

    private static func look() -> Bool { hasNoPinnedMemory() && hasNoRings() && hasNoDirectFiles() }

    /// VmPin; and VmLck, because the mapping that replaces a locked page would not be locked.
    private static func hasNoPinnedMemory() -> Bool {
        var found = 0
        let isRead = ProcFile.forEachLine("/proc/self/status") { line in
            if line.begins("VmPin:") || line.begins("VmLck:"), line.number(at: 6) == 0 { found += 1 }
            return true
        }
        return isRead && found == 2
    }

    /// io_uring and asynchronous I/O show among the map entries.
    private static func hasNoRings() -> Bool {
        var lines = 0
        var isClear = true
        let isRead = ProcFile.forEachLine("/proc/self/maps") { line in
            lines += 1
            if line.ends("anon_inode:[io_uring]") || line.ends("/[aio]") || line.ends("/[aio] (deleted)") {
                isClear = false
            }
            return isClear
        }
        return isRead && lines > 0 && isClear
    }

    /// Descriptors opened for direct I/O, and those of an io_uring, in the table of the program's first thread: the
    /// agent's
    /// own thread has another.
    private static func hasNoDirectFiles() -> Bool {
        let list = ProcFile.open("/proc/self/fd")
        guard list >= 0 else { return false }
        defer { _ = lm_close(list) }
        let infos = ProcFile.open("/proc/self/fdinfo")
        guard infos >= 0 else { return false }
        defer { _ = lm_close(infos) }
        let buffer = unsafe buffers.directory
        var descriptors = 0
        while true {
            // SAFETY: the buffer has 8192 bytes.
            let got = unsafe lm_getdents(list, buffer, 8192)
            if got < 0 { return false }
            // The first thread has ended, or a table is empty: nothing is known of the others.
            if got == 0 { return descriptors > 0 }
            var offset = 0
            while offset + 19 < got {
                // SAFETY: entries lie within what was read: 8 bytes inode, 8 offset, 2 length, 1 type, the name.
                let length = unsafe Int(buffer[offset + 16]) | Int(buffer[offset + 17]) << 8
                guard length > 19, offset + length <= got else { return false }
                let name = unsafe buffer + offset + 19
                let first = unsafe name[0]
                if first >= UInt8(ascii: "0"), first <= UInt8(ascii: "9") {
                    descriptors += 1
                    if !(unsafe isOrdinary(infos, name)) { return false }
                }
                offset += length
            }
        }
    }

    /// Whether a descriptor is neither for direct I/O nor an io_uring. One that was closed meanwhile is.
    private static func isOrdinary(_ infos: Int32, _ name: UnsafeMutablePointer<UInt8>) -> Bool {
        let path = unsafe UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self)
        let info = unsafe lm_open_below(infos, path)
        if info == -Int32(LM_ENOENT) { return true }
        let direct = 0o40000
        var isOrdinary = true
        var hasFlags = false
        let isRead = ProcFile.forEachLine(of: info) { line in
            if line.begins("flags:") {
                hasFlags = true
                if let flags = line.number(at: 6, radix: 8), flags & direct == 0 { return true }
                isOrdinary = false
            } else if line.begins("SqMask") {
                isOrdinary = false
            }
            return isOrdinary
        }
        return isRead && hasFlags && isOrdinary
    }
}
