// swift-tools-version: 6.2
import PackageDescription

// A program that simulates a machine with a merger.
let package = Package(
    name: "simulation-example",
    dependencies: [
        .package(name: "samepage", path: "../..")
    ],
    targets: [
        .executableTarget(
            name: "SimulationExample",
            dependencies: [
                .product(name: "Simulation", package: "samepage"),
                .product(name: "SimulatedMemory", package: "samepage"),
                .product(name: "PageMemory", package: "samepage"),
                .product(name: "Merger", package: "samepage"),
                .product(name: "XXHashChecksum", package: "samepage"),
                .product(name: "HashTableIndex", package: "samepage"),
                .product(name: "FixedPolicy", package: "samepage"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
