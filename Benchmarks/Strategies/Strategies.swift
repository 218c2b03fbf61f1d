import Benchmark
import HashTableIndex
import JHash2Checksum
import PageChecksum
import PageTree
import RedBlackTree
import XXHashChecksum

// Every strategy behind its contract, as the merger uses it.

let pageSize = 4096
let pagesInCache = 64

func makePages() -> [UInt8] {
    var state: UInt64 = 42
    return (0..<pagesInCache * pageSize).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 33)
    }
}

/// Contents as numbers: the comparison itself costs nothing, so that the index is what is measured.
func makeDigests(_ count: Int) -> [PageDigest] {
    var state: UInt64 = 7
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return PageDigest(high: state, low: state &* 0x9E37_79B9_7F4A_7C15)
    }
}

func order(_ left: PageDigest, _ right: PageDigest) -> PageOrder {
    left == right ? .same : left < right ? .before : .after
}

let benchmarks: @Sendable () -> Void = {
    let checksums: [any PageChecksum] = [XXH3Checksum(), JHash2()]
    for checksum in checksums {
        Benchmark(
            "checksum \(checksum.name)",
            configuration: .init(metrics: [.wallClock, .throughput], scalingFactor: .kilo, maxDuration: .seconds(2))
        ) { benchmark in
            let pages = makePages()
            benchmark.startMeasurement()
            for round in benchmark.scaledIterations {
                let start = round % pagesInCache * pageSize
                let page = pages.span.bytes.extracting(start..<start + pageSize)
                blackHole(checksum.digest(of: page))
            }
        }
    }
    let trees: [(String, @Sendable () -> any PageTree)] = [
        ("hash-table", { HashTable() }),
        ("red-black", { RedBlackTree(order: .digestThenContent) }),
        ("red-black-content", { RedBlackTree(order: .content) }),
    ]
    let elements = 65536
    for (name, make) in trees {
        Benchmark(
            "\(name) search, insert, find, remove 65536",
            configuration: .init(
                metrics: [
                    .wallClock,
                    .custom("comparisons", polarity: .prefersSmaller, useScalingFactor: false),
                ],
                maxDuration: .seconds(3), maxIterations: 10)
        ) { benchmark in
            let digests = makeDigests(elements)
            var tree = make()
            var comparisons = 0
            benchmark.startMeasurement()
            for pass in 0..<2 {
                for element in 0..<UInt32(elements) {
                    let digest = digests[Int(element)]
                    let result = tree.search(digest, in: digests.span) { other in
                        comparisons += 1
                        return order(digest, digests[Int(other)])
                    }
                    if pass == 0, result == .absent { tree.insert(element, in: digests.span) }
                }
            }
            for element in 0..<UInt32(elements) { tree.remove(element, in: digests.span) }
            benchmark.stopMeasurement()
            benchmark.measurement(
                .custom("comparisons", polarity: .prefersSmaller, useScalingFactor: false), comparisons)
        }
    }
}
