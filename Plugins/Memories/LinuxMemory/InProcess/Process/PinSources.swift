import CLinuxMemory

/// Signs that someone may write to this process's pages behind the page tables: device I/O through pinned pages.
///
/// A page that was merged and written since lies in a private file mapping, where the kernel's pin test (UFFDIO_MOVE)
/// does not work. Such pages are merged again only while none of these signs is there.
enum PinSources {
    /// Names the first sign found, `nil` when there is none. What cannot be read counts as a sign.
    ///
    /// - Complexity: O(n) in the map entries and descriptors of the process.
    static func sign() -> String? {
        let unreadable = "/proc/self cannot be read"
        let status = String(decoding: ProcessMaps.read("/proc/self/status"), as: UTF8.self)
        guard status.contains("VmPin:") else { return unreadable }
        for line in status.split(separator: "\n") {
            if isNonZero(line, "VmPin:") { return "pinned memory (VmPin)" }
            // The mapping that replaces a locked page would not be locked.
            if isNonZero(line, "VmLck:") { return "locked memory (VmLck)" }
        }
        let maps = ProcessMaps.read("/proc/self/maps")
        guard !maps.isEmpty else { return unreadable }
        for line in maps.split(separator: UInt8(ascii: "\n")) {
            guard line.contains(UInt8(ascii: "[")) else { continue }
            let text = String(decoding: line, as: UTF8.self)
            if text.hasSuffix("anon_inode:[io_uring]") { return "an io_uring" }
            if text.hasSuffix("/[aio]") { return "asynchronous I/O" }
        }
        guard let descriptors = descriptors(), !descriptors.isEmpty else { return unreadable }
        return descriptorSign(descriptors)
    }

    private static func isNonZero(_ line: Substring, _ name: String) -> Bool {
        guard line.hasPrefix(name) else { return false }
        return line.dropFirst(name.count).split { $0 == " " || $0 == "\t" }.first != "0"
    }

    /// Looks for descriptors opened for direct I/O, and for io_uring.
    private static func descriptorSign(_ descriptors: [Int]) -> String? {
        let direct = 0o40000
        for number in descriptors {
            let info = String(decoding: ProcessMaps.read("/proc/self/fdinfo/\(number)"), as: UTF8.self)
            for line in info.split(separator: "\n") {
                if line.hasPrefix("flags:"), let flags = Int(line.dropFirst(6).filter(\.isNumber), radix: 8),
                    flags & direct != 0
                {
                    return "a file opened for direct I/O"
                }
                if line.hasPrefix("SqMask") { return "an io_uring" }
            }
        }
        return nil
    }

    /// The numbers of the open descriptors of the process's main table; `nil` when they cannot be read.
    private static func descriptors() -> [Int]? {
        // SAFETY: plain system calls on a buffer of known size.
        let directory = unsafe "/proc/self/fd".withCString { unsafe lm_open($0, Int32(LM_O_RDONLY)) }
        guard directory >= 0 else { return nil }
        defer { _ = lm_close(directory) }
        var numbers: [Int] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let size = buffer.count
            let got = unsafe buffer.withUnsafeMutableBytes { unsafe lm_getdents(directory, $0.baseAddress!, size) }
            guard got > 0 else { return numbers }
            var offset = 0
            while offset + 19 < got {
                let length = Int(buffer[offset + 16]) | Int(buffer[offset + 17]) << 8
                let name = buffer[(offset + 19)..<(offset + length)].prefix { $0 != 0 }
                if let number = Int(String(decoding: name, as: UTF8.self)) { numbers.append(number) }
                offset += length
            }
        }
    }
}
