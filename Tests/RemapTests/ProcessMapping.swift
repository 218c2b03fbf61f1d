import CLinuxMemory

/// A mapping of this process, by /proc/self/smaps.
struct ProcessMapping {
    var start: UInt
    var end: UInt
    var name: String
    var flags: Set<String> = []
    var anonymousKiB = 0

    static func all() -> [ProcessMapping] {
        var mappings: [ProcessMapping] = []
        for line in read("/proc/self/smaps").split(separator: "\n") {
            let fields = line.split(separator: " ")
            let range = fields[0].split(separator: "-")
            if range.count == 2, let start = UInt(range[0], radix: 16), let end = UInt(range[1], radix: 16) {
                mappings.append(
                    ProcessMapping(start: start, end: end, name: fields.count > 5 ? String(fields[5]) : ""))
            } else if fields[0] == "VmFlags:" {
                mappings[mappings.count - 1].flags = Set(fields.dropFirst().map(String.init))
            } else if fields[0] == "Anonymous:" {
                mappings[mappings.count - 1].anonymousKiB = Int(fields[1]) ?? 0
            }
        }
        return mappings
    }

    private static func read(_ path: String) -> String {
        let descriptor = unsafe path.withCString { unsafe lm_open($0, Int32(LM_O_RDONLY)) }
        defer { lm_close(descriptor) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let got = unsafe chunk.withUnsafeMutableBytes { unsafe lm_read(descriptor, $0.baseAddress!, $0.count) }
            if got <= 0 { break }
            text += chunk[..<got]
        }
        return String(decoding: text, as: UTF8.self)
    }
}
