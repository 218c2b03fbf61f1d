import Assembly
import CLinuxMemory
import InProcess
import Merger
import Remap

/// Why merging cannot be tested here; `nil` where it can.
let missingFeature: String? = RemapFeatures.probe().missing.map { "\($0)" }
/// Whether merging can be tested here.
let canMerge = missingFeature == nil
/// The reason for skipping, for the tests' traits.
let whyNot = missingFeature ?? ""

let pageSize = lm_page_size()
let mebi = 1 << 20

extension InProcessMerger {
    /// A merger that scans only when it is told to, unless other values are given.
    static func quiet(
        rowLength: UInt32 = 64, usesZeroPages: Bool = true, budget: UInt32 = 50,
        excludesDontDump: Bool = false, rewrittenPages: RewrittenPages = .leave, sleep: String = "1000000"
    ) throws -> InProcessMerger {
        var configuration = SamepageConfiguration()
        configuration.policyAttributes = ["pages_to_scan": "4294967295", "sleep_millisecs": sleep]
        configuration.merger.rowLength = rowLength
        configuration.merger.usesZeroPages = usesZeroPages
        configuration.inProcess.vmaBudgetPercent = budget
        configuration.inProcess.excludesDontDump = excludesDontDump
        configuration.inProcess.rewrittenPages = rewrittenPages
        return try InProcessMerger(configuration)
    }
}

extension MergeableRegion {
    var pageCount: Int { byteCount / pageSize }

    /// Gives pages the content of their seeds; 0 is a page of zeros.
    func fill(_ pages: Range<Int>? = nil, seed: (Int) -> Int) throws {
        let pages = pages ?? 0..<pageCount
        try unsafe withUnsafeMutableBytes { bytes in
            for page in pages { unsafe Content.write(bytes.baseAddress! + page * pageSize, seed: seed(page)) }
        }
    }

    /// The pages that do not have the content of their seeds.
    func wrongPages(_ pages: Range<Int>? = nil, seed: (Int) -> Int) throws -> [Int] {
        let pages = pages ?? 0..<pageCount
        return try unsafe withUnsafeBytes { bytes in
            pages.filter { page in unsafe !Content.isAt(bytes.baseAddress! + page * pageSize, seed: seed(page)) }
        }
    }

    /// Where the region lies.
    var address: UInt { (try? unsafe withUnsafeBytes { UInt(bitPattern: $0.baseAddress!) }) ?? 0 }

    /// Writes one word of a page.
    func poke(_ page: Int, _ value: UInt64, word: Int = 0) throws {
        try unsafe withUnsafeMutableBytes { bytes in
            unsafe bytes.storeBytes(of: value, toByteOffset: page * pageSize + word * 8, as: UInt64.self)
        }
    }

    /// Reads one word of a page.
    func peek(_ page: Int, word: Int = 0) throws -> UInt64 {
        try unsafe withUnsafeBytes { bytes in
            unsafe bytes.loadUnaligned(fromByteOffset: page * pageSize + word * 8, as: UInt64.self)
        }
    }
}

/// Contents of pages, by a number.
enum Content {
    static func word(_ place: Int, seed: Int) -> UInt64 {
        if seed == 0 { return 0 }
        var value = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(place)
        value = (value ^ value >> 29) &* 0xBF58_476D_1CE4_E5B9
        return value | 1
    }

    static func write(_ page: UnsafeMutableRawPointer, seed: Int) {
        for place in 0..<pageSize / 8 {
            // SAFETY: the caller gives a whole page.
            unsafe page.storeBytes(of: word(place, seed: seed), toByteOffset: place * 8, as: UInt64.self)
        }
    }

    static func isAt(_ page: UnsafeRawPointer, seed: Int) -> Bool {
        for place in 0..<pageSize / 8 {
            // SAFETY: the caller gives a whole page.
            let value = unsafe page.load(fromByteOffset: place * 8, as: UInt64.self)
            if value != word(place, seed: seed) { return false }
        }
        return true
    }
}

/// The error that a call throws.
func refusal(_ body: () throws -> Void) -> InProcessError? {
    do {
        try body()
        return nil
    } catch {
        return error as? InProcessError
    }
}
