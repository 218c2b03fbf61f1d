// swift-tools-version: 6.2
import PackageDescription

// A program of its own that uses Samepage's products from outside.
let package = Package(
    name: "in-process-example",
    dependencies: [
        .package(name: "samepage", path: "../..")
    ],
    targets: [
        .executableTarget(
            name: "InProcessExample",
            dependencies: [
                .product(name: "Assembly", package: "samepage"),
                .product(name: "InProcess", package: "samepage"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
