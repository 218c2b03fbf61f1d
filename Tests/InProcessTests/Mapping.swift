import CLinuxMemory
import Glibc

/// A mapping of the test's own, unmapped at the end.
@safe
final class Mapping: Sendable {
    let address: UInt
    let byteCount: Int

    init(pages: Int, protection: Int = Int(LM_PROT_READ | LM_PROT_WRITE), flags: Int = 0, descriptor: Int32 = -1) {
        byteCount = pages * pageSize
        let sharing = flags == 0 ? Int(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS) : flags
        let mapped = lm_mmap(0, byteCount, Int32(protection), Int32(sharing), descriptor, 0)
        address = lm_is_error(mapped) == 0 ? UInt(bitPattern: mapped) : 0
    }

    deinit { if address != 0 { lm_munmap(address, byteCount) } }

    var buffer: UnsafeMutableRawBufferPointer { unsafe part(0, byteCount) }

    func part(_ offset: Int, _ count: Int) -> UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(bitPattern: address + UInt(offset)), count: count)
    }

    func pointer(_ page: Int) -> UnsafeMutableRawPointer {
        unsafe UnsafeMutableRawPointer(bitPattern: address + UInt(page * pageSize))!
    }

    func fill(seed: (Int) -> Int) {
        for page in 0..<byteCount / pageSize { unsafe Content.write(pointer(page), seed: seed(page)) }
    }

    func wrongPages(seed: (Int) -> Int) -> [Int] {
        (0..<byteCount / pageSize).filter { unsafe !Content.isAt(pointer($0), seed: seed($0)) }
    }
}

/// What /proc says of this process.
enum Process {
    static func text(_ path: String) -> String {
        let descriptor = unsafe path.withCString { unsafe lm_open($0, Int32(LM_O_RDONLY)) }
        guard descriptor >= 0 else { return "" }
        defer { lm_close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let got = unsafe chunk.withUnsafeMutableBytes { unsafe lm_read(descriptor, $0.baseAddress!, $0.count) }
            guard got > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<got]
        }
    }

    /// Map entries.
    static var mapEntries: Int { text("/proc/self/maps").utf8.count { $0 == UInt8(ascii: "\n") } }

    static var mapLimit: Int { Int(text("/proc/sys/vm/max_map_count").split(separator: "\n").first ?? "") ?? 65530 }

    /// What counts for RLIMIT_DATA, in bytes.
    static var dataBytes: Int {
        for line in text("/proc/self/status").split(separator: "\n") where line.hasPrefix("VmData:") {
            return (Int(line.split(whereSeparator: \.isWhitespace)[1]) ?? 0) * 1024
        }
        return 0
    }

    /// Sets RLIMIT_DATA; `nil` ends it.
    static func setDataLimit(_ bytes: Int?) {
        var limit = rlimit(rlim_cur: bytes.map { rlim_t($0) } ?? rlim_t.max, rlim_max: rlim_t.max)
        let result = unsafe setrlimit(__rlimit_resource_t(2), &limit)
        precondition(result == 0)
    }

    /// Anonymous memory in bytes, by the kernel's own account.
    static var anonymous: Int {
        for line in text("/proc/self/smaps_rollup").split(separator: "\n") where line.hasPrefix("Anonymous:") {
            return (Int(line.split(separator: " ")[1]) ?? 0) * 1024
        }
        return 0
    }
}
