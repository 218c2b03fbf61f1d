// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that the main build stays free of the benchmark library.
let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(name: "samepage", path: "../"),
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "Strategies",
            dependencies: [
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "PageChecksum", package: "samepage"),
                .product(name: "PageTree", package: "samepage"),
                .product(name: "XXHashChecksum", package: "samepage"),
                .product(name: "JHash2Checksum", package: "samepage"),
                .product(name: "RedBlackTree", package: "samepage"),
                .product(name: "HashTableIndex", package: "samepage"),
            ],
            path: "Strategies", plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
        .executableTarget(
            name: "RealMemory",
            dependencies: [
                .product(name: "Assembly", package: "samepage"),
                .product(name: "InProcess", package: "samepage"),
                .product(name: "Merger", package: "samepage"),
                .product(name: "XXHashChecksum", package: "samepage"),
                .product(name: "PageChecksum", package: "samepage"),
            ],
            path: "RealMemory"),
        .executableTarget(
            name: "Rewriting",
            dependencies: [
                .product(name: "Assembly", package: "samepage"),
                .product(name: "InProcess", package: "samepage"),
            ],
            path: "Rewriting"),
    ],
    swiftLanguageModes: [.v6]
)
