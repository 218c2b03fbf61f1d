// swift-tools-version: 6.2
import PackageDescription

// A program that takes only the simulated memory of Samepage, and a checksum.
let package = Package(
    name: "simulated-memory-example",
    dependencies: [
        .package(name: "samepage", path: "../..")
    ],
    targets: [
        .executableTarget(
            name: "SimulatedMemoryExample",
            dependencies: [
                .product(name: "PageChecksum", package: "samepage"),
                .product(name: "PageMemory", package: "samepage"),
                .product(name: "SimulatedMemory", package: "samepage"),
                .product(name: "JHash2Checksum", package: "samepage"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
