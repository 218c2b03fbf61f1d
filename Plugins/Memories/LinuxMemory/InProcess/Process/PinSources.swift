import CLinuxMemory

/// Signs that someone may write to this process's pages behind the page tables: device I/O through pinned pages.
///
/// A page that was merged and written since lies in a private file mapping, where the kernel's pin test (UFFDIO_MOVE)
/// does not work. Such pages are merged again only while none of these signs is there.
enum PinSources {
    /// Names the first sign found, `nil` when there is none.
    static func sign() -> String? {
        if let pinned = pinnedMemory() { return pinned }
        for line in ProcessMaps.read("/proc/self/maps").split(separator: UInt8(ascii: "\n")) {
            guard line.contains(UInt8(ascii: "[")) else { continue }
            let text = String(decoding: line, as: UTF8.self)
            if text.hasSuffix("anon_inode:[io_uring]") { return "an io_uring" }
            if text.hasSuffix("/[aio]") { return "asynchronous I/O" }
        }
        return descriptorSign()
    }

    /// Whether memory is pinned for long, as by the registered buffers of an io_uring (`VmPin`).
    static func pinnedMemory() -> String? {
        let status = String(decoding: ProcessMaps.read("/proc/self/status"), as: UTF8.self)
        for line in status.split(separator: "\n") where line.hasPrefix("VmPin:") {
            let number = line.dropFirst(6).split { $0 == " " || $0 == "\t" }.first ?? "0"
            if number != "0" { return "pinned memory (VmPin)" }
        }
        return nil
    }

    /// Looks for descriptors opened for direct I/O, and for io_uring.
    private static func descriptorSign() -> String? {
        let direct = 0o40000
        for number in descriptors() {
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

    /// The numbers of the open descriptors of the process's main table.
    private static func descriptors() -> [Int] {
        // SAFETY: plain system calls on a buffer of known size.
        let directory = unsafe "/proc/self/fd".withCString { unsafe lm_open($0, Int32(LM_O_RDONLY)) }
        guard directory >= 0 else { return [] }
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
