import Assembly
import Glibc
import InProcess

/// How sharing lasts in one process while merged pages are rewritten, and what first stores to them take: what
/// Tests/Programs/rewriting.c measures for a daemon's programs and for ksmd, printed in the same form.
///
///     Rewriting leave|trap [ROUNDS [EVERY]]
@main
struct Rewriting {
    private static let pages = 1024
    private static let contents = 16
    private let memory: UnsafeMutableBufferPointer<UInt64>
    private let words: Int
    private let pagemap = open("/proc/self/pagemap", O_RDONLY)
    /// Whether pages were shared when that was last asked.
    private var isShared = [Bool](repeating: false, count: pages)
    private var took: [Double] = []

    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard let mode = arguments.first.flatMap(RewrittenPages.init) else {
            print("usage: Rewriting leave|trap [ROUNDS [EVERY]]")
            exit(64)
        }
        let numbers = arguments.dropFirst().compactMap { Int($0) }
        var configuration = SamepageConfiguration()
        configuration.rewrittenPages = mode
        configuration.policyAttributes = ["pages_to_scan": "100000", "sleep_millisecs": "1"]
        let merger = try InProcessMerger(configuration)
        if let limitation = merger.limitation { fatalError(limitation) }
        let region = try MergeableRegion.allocate(byteCount: pages * merger.pageSize, in: merger)
        try region.withUnsafeMutableBytes { bytes in
            var program = Rewriting(
                memory: bytes.bindMemory(to: UInt64.self), words: merger.pageSize / MemoryLayout<UInt64>.size)
            program.run(rounds: numbers.first ?? 100, every: numbers.dropFirst().first ?? 7)
        }
    }

    private init(memory: UnsafeMutableBufferPointer<UInt64>, words: Int) {
        self.memory = memory
        self.words = words
    }

    private mutating func run(rounds: Int, every: Int) {
        for page in 0..<Self.pages { fill(page) }
        for round in 0...rounds {
            let found = settle(round)
            if round < 2 || round == 5 || round % 10 == 0 { print("round \(round): \(found) of \(Self.pages) shared") }
            guard round < rounds else { break }
            let changed = stride(from: round % every, to: Self.pages, by: every)
            for page in changed {
                let start = now()
                memory[page * words + 1] = UInt64(round)
                if isShared[page] { took.append(now() - start) }
            }
            for page in changed {
                guard memory[page * words + 1] == UInt64(round) else { fatalError("page \(page) lost a write") }
                fill(page)
            }
        }
        guard !took.isEmpty else { return }
        took.sort()
        let (median, high) = (took[took.count / 2], took[took.count * 99 / 100])
        print("\(took.count) stores: median \(tenths(median)) us, 99 % below \(tenths(high)) us")
    }

    private func tenths(_ seconds: Double) -> Double { (seconds * 1e7).rounded() / 10 }

    private func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private func content(_ page: Int, _ word: Int) -> UInt64 {
        var value = UInt64(page % Self.contents) << 32 | UInt64(word) &+ 1
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        return value ^ value >> 27
    }

    private func fill(_ page: Int) {
        for word in 0..<words { memory[page * words + word] = content(page, word) }
    }

    /// Pages that are of a file, though they are of anonymous memory: they still are their frames.
    private mutating func shared() -> Int {
        var map = [UInt64](repeating: 0, count: Self.pages)
        let place = Int(bitPattern: memory.baseAddress) / (words * 8) * 8
        guard pread(pagemap, &map, Self.pages * 8, place) == Self.pages * 8 else { fatalError("pagemap") }
        isShared = map.map { $0 >> 61 & 1 != 0 }
        return isShared.count { $0 }
    }

    /// Waits until everything is shared, or nothing more comes, and reads every word.
    private mutating func settle(_ round: Int) -> Int {
        var best = 0
        var same = 0
        let end = now() + 3
        while now() < end, best < Self.pages, same < 60 {
            for page in 0..<Self.pages {
                for word in 0..<words where memory[page * words + word] != content(page, word) {
                    fatalError("page \(page) is another")
                }
            }
            let found = shared()
            same = found > best ? 0 : same + (best > 0 || round > 0 ? 1 : 0)
            best = max(best, found)
            usleep(5000)
        }
        return best
    }
}
