import CLinuxMemory

/// What /proc/self says of this process's memory.
enum ProcessMaps {
    /// One VMA.
    struct Entry {
        var start: UInt
        var end: UInt
        /// `rwxp`, as printed.
        var permissions: String
        var inode: UInt64
        var name: String
        /// Two-letter flags (`VmFlags` of smaps).
        var flags: Set<String> = []
        /// 0 where there is none.
        var protectionKey = 0
    }

    /// Reads a whole file of /proc, in as many calls as it takes; empty when it cannot be read.
    static func read(_ path: String) -> [UInt8] {
        // SAFETY: the path outlives the call.
        let descriptor = unsafe path.withCString { unsafe lm_open($0, Int32(LM_O_RDONLY)) }
        guard descriptor >= 0 else { return [] }
        defer { _ = lm_close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = chunk.count
            // SAFETY: the system writes at most `count` bytes.
            let got = unsafe chunk.withUnsafeMutableBytes { unsafe lm_read(descriptor, $0.baseAddress!, count) }
            guard got > 0 else { return bytes }
            bytes.append(contentsOf: chunk[..<got])
        }
    }

    /// The number of VMAs.
    ///
    /// - Complexity: O(n) in the VMAs, about half a microsecond for each.
    static func count() -> Int {
        read("/proc/self/maps").reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
    }

    /// The limit of VMAs for a process (vm.max_map_count); the kernel's default when it cannot be read.
    static func limit() -> Int {
        let text = String(decoding: read("/proc/sys/vm/max_map_count"), as: UTF8.self)
        return Int(text.split(separator: "\n").first ?? "") ?? 65530
    }

    /// The VMAs that have a part in a range, with their flags.
    static func entries(in range: Range<UInt>) -> [Entry] {
        var found: [Entry] = []
        var isInside = false
        for line in read("/proc/self/smaps").split(separator: UInt8(ascii: "\n")) {
            let text = String(decoding: line, as: UTF8.self)
            if let entry = parseHeader(text) {
                isInside = entry.start < range.upperBound && range.lowerBound < entry.end
                if isInside { found.append(entry) }
            } else if isInside, text.hasPrefix("ProtectionKey:") {
                found[found.count - 1].protectionKey = Int(text.split(separator: " ").last ?? "") ?? 0
            } else if isInside, text.hasPrefix("VmFlags:") {
                found[found.count - 1].flags = Set(text.dropFirst(8).split(separator: " ").map(String.init))
            }
        }
        return found
    }

    /// The parts of a range that VMAs cover, one for each VMA.
    static func ranges(in range: Range<UInt>) -> [Range<UInt>] {
        read("/proc/self/maps").split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let entry = parseHeader(String(decoding: line, as: UTF8.self)) else { return nil }
            let part = (entry.start..<entry.end).clamped(to: range)
            return part.isEmpty ? nil : part
        }
    }

    private static func parseHeader(_ line: String) -> Entry? {
        let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
        guard fields.count >= 5, fields[1].count == 4 else { return nil }
        let bounds = fields[0].split(separator: "-")
        guard bounds.count == 2, let start = UInt(bounds[0], radix: 16), let end = UInt(bounds[1], radix: 16) else {
            return nil
        }
        return Entry(
            start: start, end: end, permissions: String(fields[1]), inode: UInt64(fields[4]) ?? 0,
            name: fields.count > 5 ? String(fields[5].drop { $0 == " " }) : "")
    }
}
