import Assembly
import InProcess
import Merger
import Testing

extension RealMemory {
    struct ControlTests {
        @Test("run 2 unmerges everything, run 1 merges it again")
        func run() throws {
            let merger = try InProcessMerger.quiet()
            let region = try MergeableRegion.allocate(byteCount: 4 * mebi, in: merger)
            let seed = { (page: Int) in page % 10 }
            try region.fill(seed: seed)
            for _ in 0..<3 {
                #expect(try merger.mergeNow().pagesSharing > 500)
                try merger.set("run", to: "2")
                let counters = try merger.counters()
                #expect(counters.pagesShared == 0 && counters.pagesSharing == 0 && counters.fullScans == 0)
                #expect(try merger.value(of: "run") == "2")
                #expect(try region.wrongPages(seed: seed).isEmpty)
                // Merging is off now: this does nothing.
                #expect(try merger.mergeNow().pagesShared == 0)
                try merger.set("run", to: "1")
            }
            try merger.set("run", to: "0")
            try region.fill { _ in 3 }
            #expect(try merger.mergeNow().pagesShared == 0)
        }

        @Test("Attributes are checked, and keep their value when refused")
        func attributes() throws {
            let merger = try InProcessMerger.quiet()
            let names = try merger.attributes()
            for name in names { #expect(try !merger.value(of: name).isEmpty) }
            let bad = [
                ("run", "3"), ("run", "-1"), ("run", ""), ("run", "1x"), ("run", " 1"), ("row_length", "0"),
                ("row_length", "513"), ("use_zero_pages", "2"), ("sleep_millisecs", "4294967296"),
                ("pages_to_scan", "many"), ("vma_budget_percent", "0"), ("vma_budget_percent", "91"),
                ("pages_shared", "1"), ("full_scans", "0"), ("nothing", "1"), ("", "1"),
            ]
            for (name, value) in bad {
                let before = names.contains(name) ? try merger.value(of: name) : nil
                #expect(refusal { try merger.set(name, to: value) }?.code == .badAttribute, "\(name) = '\(value)'")
                if let before { #expect(try merger.value(of: name) == before) }
            }
            #expect(refusal { _ = try merger.value(of: "nothing") }?.code == .badAttribute)
            for (name, value) in [("row_length", "8"), ("vma_budget_percent", "20"), ("sleep_millisecs", "7\n")] {
                try merger.set(name, to: value)
                #expect(try merger.value(of: name) == String(value.prefix { $0 != "\n" }))
            }
        }

        @Test("A forked child reads, writes, discards and releases; everything else throws")
        func forkedChild() async {
            await #expect(processExitsWith: .success) {
                let merger = try InProcessMerger.quiet()
                let region = try MergeableRegion.allocate(byteCount: 64 * pageSize, in: merger)
                let other = try MergeableRegion.allocate(byteCount: 64 * pageSize, in: merger)
                try region.fill { _ in 6 }
                try other.fill { _ in 6 }
                #expect(try merger.mergeNow().pagesSharing > 0, "merger.mergeNow().pagesSharing > 0")
                let code = inForkedChild {
                    guard try region.wrongPages(seed: { _ in 6 }).isEmpty else { return 10 }
                    try region.fill(0..<16) { _ in 9 }
                    try region.discard(16 * pageSize..<32 * pageSize)
                    guard try region.wrongPages(seed: { $0 < 16 ? 9 : $0 < 32 ? 0 : 6 }).isEmpty else { return 11 }
                    let calls: [() throws -> Void] = [
                        { try other.unmerge() }, { try other.resize(toByteCount: mebi) }, { _ = try other.census() },
                        { _ = try merger.counters() }, { _ = try merger.mergeNow() },
                        { try merger.set("run", to: "2") },
                        { _ = try MergeableRegion.allocate(byteCount: mebi, in: merger) },
                    ]
                    for (place, call) in calls.enumerated() where refusal(call)?.code != .forked {
                        return Int32(20 + place)
                    }
                    try region.release()
                    guard refusal({ try region.release() })?.code == .released else { return 12 }
                    merger.stop()
                    guard try other.wrongPages(seed: { _ in 6 }).isEmpty else { return 13 }
                    return 0
                }
                #expect(code == 0, "code == 0")
                #expect(try region.wrongPages { _ in 6 }.isEmpty, "region.wrongPages { _ in 6 }.isEmpty")
                try region.fill { _ in 12 }
                #expect(try merger.mergeNow().pagesSharing > 0, "merger.mergeNow().pagesSharing > 0")
                #expect(try region.wrongPages { _ in 12 }.isEmpty, "region.wrongPages { _ in 12 }.isEmpty")
                try region.release()
            }
        }
    }
}
