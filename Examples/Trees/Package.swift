// swift-tools-version: 6.2
import PackageDescription

// A program that takes only the trees of Samepage, and a checksum.
let package = Package(
    name: "trees-example",
    dependencies: [
        .package(name: "samepage", path: "../..")
    ],
    targets: [
        .executableTarget(
            name: "TreesExample",
            dependencies: [
                .product(name: "PageChecksum", package: "samepage"),
                .product(name: "PageTree", package: "samepage"),
                .product(name: "RedBlackTree", package: "samepage"),
                .product(name: "HashTableIndex", package: "samepage"),
                .product(name: "XXHashChecksum", package: "samepage"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
