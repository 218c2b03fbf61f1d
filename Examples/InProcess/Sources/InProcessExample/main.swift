import Assembly
import InProcess

let merger = try InProcessMerger()
if let limitation = merger.limitation { print(limitation) }

// Two regions of 64 MiB with the same content, each page of it different.
let regions = try (0..<2).map { _ in try MergeableRegion.allocate(byteCount: 64 << 20, in: merger) }
for region in regions {
    try region.withUnsafeMutableBytes { bytes in
        for offset in stride(from: 0, to: bytes.count, by: merger.pageSize) {
            bytes.storeBytes(of: offset + 1, toByteOffset: offset, as: Int.self)
        }
    }
}

// The merger scans by itself; this is for those who do not want to wait.
let counters = try merger.mergeNow()
print("\(counters.pagesShared) frames, and \(counters.pagesSharing) more pages that share them")

// Reading and writing need no call: a write to a merged page copies it.
try regions[0].withUnsafeMutableBytes { $0[0] = 42 }
try regions[1].withUnsafeBytes { print("the other region still reads \($0[0])") }
