import Assembly
import CTortureWriters
import Glibc
import InProcess
import Merger
import Testing

extension RealMemory {
    struct ShortageTests {
        /// Lowers a limit of this process to what it uses now and a little more.
        static func limitData(spare: Int) {
            var used = 0
            for line in Process.text("/proc/self/status").split(separator: "\n") where line.hasPrefix("VmData:") {
                used = (Int(line.split { $0 == " " || $0 == "\t" }[1]) ?? 0) * 1024
            }
            var limit = rlimit(rlim_cur: rlim_t(used + spare), rlim_max: rlim_t.max)
            _ = unsafe setrlimit(__rlimit_resource_t(2), &limit)
        }

        @Test("No memory left: operations are refused, contents stay", arguments: [2 << 20, 6 << 20])
        func noMemory(spare: Int) async {
            await #expect(processExitsWith: .success) { [spare] in
                tw_stock_up(64 << 20)
                let merger = try InProcessMerger.quiet()
                let region = try MergeableRegion.allocate(byteCount: 16 * mebi, in: merger)
                let seed = { (page: Int) in 1 + page % 512 }
                try region.fill(seed: seed)
                try merger.mergeNow()
                ShortageTests.limitData(spare: spare)
                let error = refusal { _ = try MergeableRegion.allocate(byteCount: 64 * mebi, in: merger) }
                #expect(error?.code == .outOfResources, "error?.code == .outOfResources")
                #expect(
                    refusal { try region.resize(toByteCount: 128 * mebi) }?.code == .outOfResources,
                    "refusal { region.resize(toByteCount: 128 * mebi) }?.code == .outOfResources")
                #expect(try region.wrongPages(seed: seed).isEmpty, "region.wrongPages(seed: seed).isEmpty")
                let unmerged = refusal { try region.unmerge() }
                #expect(
                    unmerged == nil || unmerged?.code == .outOfResources,
                    "unmerged == nil || unmerged?.code == .outOfResources")
                #expect(try region.wrongPages(seed: seed).isEmpty, "region.wrongPages(seed: seed).isEmpty")
                try region.discard(0..<pageSize)
                #expect(
                    try region.wrongPages { $0 == 0 ? 0 : seed($0) }.isEmpty,
                    "region.wrongPages { $0 == 0 ? 0 : seed($0) }.isEmpty")
                try region.poke(1, 1)
                try merger.scan(fullScans: 3)
                try region.poke(1, Content.word(0, seed: seed(1)))
                #expect(
                    try region.wrongPages { $0 == 0 ? 0 : seed($0) }.isEmpty,
                    "region.wrongPages { $0 == 0 ? 0 : seed($0) }.isEmpty")
                var limit = rlimit(rlim_cur: rlim_t.max, rlim_max: rlim_t.max)
                _ = unsafe setrlimit(__rlimit_resource_t(2), &limit)
                try region.makeMergeable()
                try region.fill(seed: seed)
                for _ in 0..<10 { try merger.scan(fullScans: 2) }
                #expect(try merger.counters().pagesSharing > 3000, "merger.counters().pagesSharing > 3000")
                try region.unmerge()
                #expect(try region.wrongPages(seed: seed).isEmpty, "region.wrongPages(seed: seed).isEmpty")
                try region.release()
            }
        }

        @Test("No descriptors left: merging goes on with what there is, contents stay")
        func noDescriptors() async {
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet()
                let region = try MergeableRegion.allocate(byteCount: 16 * mebi, in: merger)
                let seed = { (page: Int) in 1 + page % 512 }
                var limit = rlimit(rlim_cur: 3, rlim_max: 4096)
                _ = unsafe setrlimit(__rlimit_resource_t(7), &limit)
                try region.fill(seed: seed)
                // There is no descriptor for the first segment of frames.
                #expect(try merger.mergeNow().pagesSharing == 0, "merger.mergeNow().pagesSharing == 0")
                #expect(try region.wrongPages(seed: seed).isEmpty, "region.wrongPages(seed: seed).isEmpty")
                let other = try InProcessMerger.quiet()
                #expect(other.limitation != nil, "other.limitation != nil")
                let plain = try MergeableRegion.allocate(byteCount: mebi, in: other)
                try plain.fill { _ in 1 }
                try other.mergeNow()
                #expect(try plain.wrongPages { _ in 1 }.isEmpty, "plain.wrongPages { _ in 1 }.isEmpty")
                try plain.discard(0..<pageSize)
                #expect(
                    try plain.wrongPages { $0 == 0 ? 0 : 1 }.isEmpty,
                    "plain.wrongPages { $0 == 0 ? 0 : 1 }.isEmpty")
                try plain.resize(toByteCount: 2 * mebi)
                try plain.release()
                limit.rlim_cur = 4096
                _ = unsafe setrlimit(__rlimit_resource_t(7), &limit)
                for _ in 0..<20 { try merger.scan(fullScans: 2) }
                #expect(try merger.counters().pagesSharing > 3000, "merger.counters().pagesSharing > 3000")
                #expect(try region.wrongPages(seed: seed).isEmpty, "region.wrongPages(seed: seed).isEmpty")
                try region.release()
            }
        }
    }
}
