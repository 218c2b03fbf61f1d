// swift-tools-version: 6.2
import PackageDescription

// Layers point one way: Tools -> Assembly -> Hosts, Plugins -> contracts.
// A target's kind says where it stands, and what products and settings it gets; .ci/layers holds it to that.
enum Kind {
    /// A contract, or the merger built of contracts: no system call, no clock.
    case module
    /// One strategy; depends on its contract, never on another plug-in.
    case plugin
    /// What Linux offers for merging; no product.
    case linux
    /// Owns a merger, its memory and the thread that drives them; knows no strategy but that memory.
    case host
    /// Finds strategies by name and gives them to hosts.
    case assembly
    /// What the layers above need of the system: C headers, and threads. Knows no contract; no product.
    case shim
    case tool
    /// A library in Embedded Swift that is loaded into other programs.
    case agent
    case test
    /// What tests share: starting programs, threads, writers.
    case testSupport
    /// A program that only tests start.
    case testTool
}

struct Part {
    let name: String
    let kind: Kind
    let path: String
    var needs: [Target.Dependency] = []
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let yaml = Target.Dependency.product(name: "Yams", package: "Yams")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

var parts: [Part] = [
    // Contracts
    Part(name: "PageChecksum", kind: .module, path: "Modules/PageChecksum"),
    Part(name: "PageMemory", kind: .module, path: "Modules/PageMemory", needs: ["PageChecksum", "PageTree"]),
    Part(name: "PageTree", kind: .module, path: "Modules/PageTree", needs: ["PageChecksum"]),
    Part(name: "ScanPolicy", kind: .module, path: "Modules/ScanPolicy"),
    Part(
        name: "Merger", kind: .module, path: "Modules/Merger",
        needs: ["PageMemory", "PageChecksum", "PageTree", "ScanPolicy"]),
    Part(name: "FrontEnd", kind: .module, path: "Modules/FrontEnd", needs: ["Merger"]),
    Part(
        name: "Conformance", kind: .module, path: "Modules/Conformance",
        needs: ["PageMemory", "PageChecksum", "PageTree", "ScanPolicy"]),
    // Linux
    Part(name: "Remap", kind: .linux, path: "Modules/Linux/Remap", needs: ["CLinuxMemory"]),
    Part(name: "Wire", kind: .linux, path: "Modules/Linux/Wire", needs: ["CLinuxMemory"]),
    Part(
        name: "PageVerdicts", kind: .linux, path: "Modules/Linux/PageVerdicts",
        needs: ["Remap", "CLinuxMemory", "PageMemory", "PageTree"]),
    // Hosts
    Part(
        name: "InProcess", kind: .host, path: "Modules/Hosts/InProcess",
        needs: [
            "Remap", "PageVerdicts", "CLinuxMemory", "SystemThreads", "PageMemory", "PageChecksum", "PageTree",
            "ScanPolicy", "Merger",
        ]),
    Part(
        name: "Daemon", kind: .host, path: "Modules/Hosts/Daemon",
        needs: [
            "Remap", "PageVerdicts", "Wire", "CLinuxMemory", "SystemThreads", "PageMemory", "PageChecksum", "PageTree",
            "ScanPolicy", "Merger", "FrontEnd", logging,
        ]),
    Part(
        name: "Simulation", kind: .host, path: "Modules/Hosts/Simulation",
        needs: ["Merger", "PageMemory", "ScanPolicy", "SimulatedMemory"]),
    // Plug-ins
    Part(name: "XXHashChecksum", kind: .plugin, path: "Plugins/Checksums/XXHash", needs: ["PageChecksum", "CXXHash"]),
    Part(name: "JHash2Checksum", kind: .plugin, path: "Plugins/Checksums/JHash2", needs: ["PageChecksum"]),
    Part(
        name: "RedBlackTree", kind: .plugin, path: "Plugins/Trees/RedBlack",
        needs: ["PageTree", "PageChecksum"]),
    Part(
        name: "HashTableIndex", kind: .plugin, path: "Plugins/Trees/HashTable",
        needs: ["PageTree", "PageChecksum"]),
    Part(name: "FixedPolicy", kind: .plugin, path: "Plugins/Policies/Fixed", needs: ["ScanPolicy"]),
    Part(name: "SmartScanPolicy", kind: .plugin, path: "Plugins/Policies/SmartScan", needs: ["ScanPolicy"]),
    Part(name: "ScanTimePolicy", kind: .plugin, path: "Plugins/Policies/ScanTime", needs: ["ScanPolicy"]),
    Part(
        name: "SimulatedMemory", kind: .plugin, path: "Plugins/Memories/SimulatedMemory",
        needs: ["PageMemory", "PageChecksum"]),
    Part(
        name: "ControlSocket", kind: .plugin, path: "Plugins/FrontEnds/ControlSocket",
        needs: ["FrontEnd", "Merger", "CLinuxMemory", "SystemThreads"]),
    Part(name: "TerminalView", kind: .plugin, path: "Plugins/FrontEnds/TerminalView", needs: ["FrontEnd", "Merger"]),
    // Assembly
    Part(
        name: "Assembly", kind: .assembly, path: "Modules/Assembly",
        needs: [
            "PageChecksum", "PageTree", "ScanPolicy", "Merger", "FrontEnd", "XXHashChecksum", "JHash2Checksum",
            "RedBlackTree", "HashTableIndex", "FixedPolicy", "SmartScanPolicy", "ScanTimePolicy", "InProcess", "Daemon",
            "TerminalView", "ControlSocket", logging,
        ]),
    // Shims
    Part(name: "CLinuxMemory", kind: .shim, path: "Modules/Shims/CLinuxMemory"),
    Part(name: "CXXHashInline", kind: .shim, path: "Modules/Shims/CXXHashInline"),
    Part(name: "SystemThreads", kind: .shim, path: "Modules/Shims/SystemThreads", needs: ["CLinuxMemory"]),
    // Tools
    Part(
        name: "samepage", kind: .tool, path: "Tools/samepage",
        needs: [
            "Assembly", "InProcess", "Daemon", "ControlSocket", "Merger", "FrontEnd", "PageChecksum", "ScanPolicy",
            "CLinuxMemory", "Wire", "Simulation", "SimulatedMemory", argumentParser, configuration, lifecycle, signals,
            logging, yaml,
        ]),
    // Remap and Wire come in by links to their folders: an Embedded module cannot import others.
    Part(
        name: "samepage-agent", kind: .agent, path: "Tools/samepage-agent", needs: ["CLinuxMemory", "CXXHashInline"]),
    // Tests
    Part(name: "CTortureWriters", kind: .testSupport, path: "Tests/Support/CTortureWriters"),
    Part(name: "Spawning", kind: .testSupport, path: "Tests/Support/Spawning", needs: ["CTortureWriters"]),
    Part(
        name: "CommandTests", kind: .test, path: "Tests/CommandTests",
        needs: [
            "samepage", "Assembly", "InProcess", "FrontEnd", "Merger", "ControlSocket", "ScanPolicy", "PageMemory",
            "CLinuxMemory", "Spawning",
        ]),
    Part(
        name: "DaemonTests", kind: .test, path: "Tests/DaemonTests",
        needs: [
            "Daemon", "Wire", "Remap", "CLinuxMemory", "Assembly", "PageMemory", "PageChecksum", "Merger", "FrontEnd",
            "ScanPolicy", "Spawning", logging,
        ]),
    // Real programs under the agent and the daemon.
    Part(
        name: "ProgramTests", kind: .test, path: "Tests/ProgramTests",
        needs: ["CLinuxMemory", "Spawning", "Wire", "Remap", "Assembly", "Merger", "ScanPolicy", "Conformance"]),
    Part(
        name: "MemoryTests", kind: .test, path: "Tests/MemoryTests",
        needs: [
            "SimulatedMemory", "Conformance", "PageMemory", "PageChecksum", "PageTree", "JHash2Checksum",
            "XXHashChecksum",
        ]),
    Part(
        name: "MergerTests", kind: .test, path: "Tests/MergerTests",
        needs: [
            "Merger", "Simulation", "SimulatedMemory", "Conformance", "PageMemory", "PageChecksum", "PageTree",
            "ScanPolicy", "JHash2Checksum", "XXHashChecksum", "RedBlackTree", "HashTableIndex", "FixedPolicy",
            "SmartScanPolicy", "Assembly",
        ]),
    Part(
        name: "SimulationTests", kind: .test, path: "Tests/SimulationTests",
        needs: [
            "Simulation", "SimulatedMemory", "Merger", "PageMemory", "PageTree", "ScanPolicy", "Conformance",
            "XXHashChecksum", "RedBlackTree", "HashTableIndex", "FixedPolicy", "ScanTimePolicy",
        ]),
    Part(
        name: "StrategyTests", kind: .test, path: "Tests/StrategyTests",
        needs: [
            "Conformance", "PageChecksum", "PageTree", "ScanPolicy", "XXHashChecksum", "JHash2Checksum", "RedBlackTree",
            "HashTableIndex", "FixedPolicy", "SmartScanPolicy", "ScanTimePolicy", "Assembly",
        ]),
    Part(
        name: "samepage-torture", kind: .testTool, path: "Tests/Torture",
        needs: [
            "Assembly", "InProcess", "Merger", "ControlSocket", "FrontEnd", "CLinuxMemory", "CTortureWriters",
            "Spawning", argumentParser,
        ]),
    Part(
        name: "InProcessTests", kind: .test, path: "Tests/InProcessTests",
        needs: ["InProcess", "Assembly", "Merger", "PageMemory", "Remap", "CLinuxMemory", "CTortureWriters"]),
    Part(name: "RemapTests", kind: .test, path: "Tests/RemapTests", needs: ["Remap", "CLinuxMemory"]),
]

// Fuzzers, only for .ci/fuzz: they need libFuzzer, whose file the variable names, and modules built for tests.
let fuzzer = Context.environment["SAMEPAGE_FUZZER"]
if fuzzer != nil {
    parts.append(
        Part(
            name: "samepage-fuzz", kind: .testTool, path: "Tests/Fuzz",
            needs: [
                "Assembly", "Daemon", "Wire", "Remap", "PageChecksum", "Merger", "FrontEnd", "ControlSocket",
                "CLinuxMemory", configuration, logging,
            ]))
}

let package = Package(
    name: "samepage",
    products: parts.compactMap { part in
        switch part.kind {
        case .module, .plugin, .host, .assembly: .library(name: part.name, targets: [part.name])
        case .tool: .executable(name: part.name, targets: [part.name])
        case .agent: .library(name: part.name, type: .dynamic, targets: [part.name])
        case .linux, .shim, .test, .testSupport, .testTool: nil
        }
    },
    traits: [
        .trait(
            name: "Mutants",
            description: "For tests only: lets the torture take out one safety of the merge, to see that it is missed.")
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // libxxhash, from the Debian package libxxhash-dev.
        .systemLibrary(
            name: "CXXHash", path: "Modules/Shims/CXXHash", pkgConfig: "libxxhash",
            providers: [.apt(["libxxhash-dev"])])
    ]
        + parts.map { part in
            switch part.kind {
            case .module, .plugin, .linux, .host, .assembly, .shim, .agent, .testSupport:
                .target(name: part.name, dependencies: part.needs, path: part.path)
            case .tool, .testTool: .executableTarget(name: part.name, dependencies: part.needs, path: part.path)
            case .test: .testTarget(name: part.name, dependencies: part.needs, path: part.path)
            }
        },
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system && target.name != "CLinuxMemory" {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .strictMemorySafety(),
        .treatAllWarnings(as: .error),
    ]
}

for target in package.targets where ["SimulatedMemory", "Simulation"].contains(target.name) {
    target.exclude = ["README.md"]
}

// The agent runs inside programs of others: no Swift runtime, no allocation, no symbol but those it interposes.
for target in package.targets where target.name == "samepage-agent" {
    target.exclude = ["README.md", "exports.map", "include", "samepage-agent.pc.in"]
    target.swiftSettings! += [
        .enableExperimentalFeature("Embedded"),
        .unsafeFlags([
            "-wmo", "-Osize", "-no-allocations", "-parse-as-library", "-Xfrontend", "-function-sections",
            "-enforce-exclusivity=unchecked",
        ]),
    ]
    target.linkerSettings = [
        .unsafeFlags([
            "-nostartfiles", "-Xclang-linker", "-nostartfiles",
            "-Xlinker", "--version-script=\(Context.packageDirectory)/Tools/samepage-agent/exports.map",
            "-Xlinker", "--gc-sections", "-Xlinker", "--strip-debug", "-Xlinker", "-z", "-Xlinker", "initfirst",
        ])
    ]
}

for target in package.targets where target.name == "samepage-fuzz" {
    target.exclude = ["Corpus", "README.md"]
    target.swiftSettings! += [.enableExperimentalFeature("Extern")]
    target.linkerSettings = [.unsafeFlags([fuzzer ?? ""]), .linkedLibrary("stdc++")]
}
