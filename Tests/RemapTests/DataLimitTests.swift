import CLinuxMemory
import Glibc
import Remap
import Testing

@Suite(.serialized, .enabled(if: Bed.missing == nil, "\(Bed.missing ?? "")"))
struct DataLimitTests {
    @Test("Copies in the caller's room are made only as far as the data limit permits: pages never vanish")
    func unmerge() async {
        await #expect(processExitsWith: .success) {
            let bed = try Bed(pages: 512)
            let size = RemapRoom.stagingSize + (4 << 20)
            let flags = Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_NORESERVE)
            let huge: UInt = 2 << 20
            let below = UInt(bitPattern: lm_mmap(0, size + RemapRoom.copiesSize, Int32(LM_PROT_NONE), flags, -1, 0))
            let staging = (below + 2 * huge - 1) & ~(huge - 1)
            let scratch = Pages(anonymous: RemapRoom.scratchSize / Pages.size)
            let copies = staging + UInt(RemapRoom.stagingSize)
            try unsafe bed.remapper.tracker.untrack(bed.region.base, pageCount: 512)
            bed.remapper = try Remapper(room: RemapRoom(scratch: scratch.address, staging: staging, copies: copies))
            try unsafe bed.remapper.tracker.track(bed.region.base, pageCount: 512)
            #expect(bed.merge((0..<512).map { bed.page($0) }).report.merged == 512)

            let full = DataLimit.used
            DataLimit.set(full)
            let none = bed.unmerge(0..<512)
            DataLimit.set(full + 64 * Pages.size)
            let some = bed.unmerge(0..<32)
            // Less than what is there already.
            DataLimit.set(full / 2)
            let less = bed.unmerge(32..<64)
            DataLimit.set(nil)
            #expect(none.outcomes.allSatisfy { $0 == .mapLimit })
            #expect(some.outcomes.allSatisfy { $0 == .merged })
            #expect(less.outcomes.allSatisfy { $0 == .mapLimit })
            #expect(bed.isIntact)
            #expect(DataLimit.used <= full, "copies still count")
            #expect(bed.unmerge(32..<512).report.merged == 480)
            #expect(bed.isIntact)
        }
    }
}

/// RLIMIT_DATA.
private enum DataLimit {
    /// What counts at the moment, in bytes.
    static var used: Int {
        let file = unsafe open("/proc/self/status", O_RDONLY)
        defer { close(file) }
        var text = [UInt8](repeating: 0, count: 8192)
        let length = unsafe read(file, &text, text.count)
        let lines = String(decoding: text[..<max(0, length)], as: UTF8.self).split(separator: "\n")
        let words = lines.first { $0.hasPrefix("VmData:") }?.split(whereSeparator: \.isWhitespace) ?? []
        return words.count > 1 ? (Int(words[1]) ?? 0) << 10 : 0
    }

    /// Sets it; `nil` ends it.
    static func set(_ bytes: Int?) {
        var limit = rlimit(rlim_cur: bytes.map { rlim_t($0) } ?? rlim_t.max, rlim_max: rlim_t.max)
        let result = unsafe setrlimit(__rlimit_resource_t(2), &limit)
        precondition(result == 0)
    }
}
