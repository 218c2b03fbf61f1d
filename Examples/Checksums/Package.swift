// swift-tools-version: 6.2
import PackageDescription

// A program that takes only a checksum of Samepage.
let package = Package(
    name: "checksums-example",
    dependencies: [
        .package(name: "samepage", path: "../..")
    ],
    targets: [
        .executableTarget(
            name: "ChecksumsExample",
            dependencies: [
                .product(name: "PageChecksum", package: "samepage"),
                .product(name: "XXHashChecksum", package: "samepage"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
