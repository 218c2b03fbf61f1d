import Glibc
import Testing

/// What merges pages and is set by the attributes of /sys/kernel/mm/ksm: the kernel, or a daemon.
protocol StagedMerger {
    func set(_ name: String, _ value: Int) async throws
    func value(_ name: String) async throws -> Int
}

/// The stages of the Linux Test Project's ksm01 (`mem/ksm/ksm_test.h`, `create_same_memory`): what processes write, and
/// what the counters say after three full scans.
struct KernelStages {
    /// Pages shared, sharing, volatile and unshared.
    struct Counts: Equatable, CustomStringConvertible {
        var shared = 0
        var sharing = 0
        var `volatile` = 0
        var unshared = 0
        var description: String { "shared \(shared), sharing \(sharing), volatile \(`volatile`), unshared \(unshared)" }
    }

    let merger: any StagedMerger
    let children: [Child]
    let pages: Int

    /// Starts processes of so many MiB, in areas of `unit` MiB each; `prefix` is the command that becomes a program.
    ///
    /// - Parameter discards: Whether they discard what they are to write over.
    init(
        _ merger: any StagedMerger, prefix: [String], mebibytes: Int, unit: Int, discards: Bool, processes: Int = 3
    ) async throws {
        self.merger = merger
        pages = mebibytes * 256 * processes
        var children: [Child] = []
        for _ in 0..<processes {
            let child = try Child(prefix + [try await Programs.shared.path("kernel_stages")])
            children.append(child)
            let ready = try await child.line()
            try #require(ready.hasPrefix("ready"))
            let mapped = try await child.ask("map \(mebibytes) \(unit)")
            try #require(mapped == "ok")
            if !discards {
                let kept = try await child.ask("keep")
                try #require(kept == "ok")
            }
        }
        self.children = children
    }

    /// Stages 1 to 6. `settles` waits until the merger knows what the processes have mapped.
    func run(settles: () async throws -> Void = {}) async throws {
        try await merger.set("run", 2)
        try await merger.set("run", 1)
        try await merger.set("pages_to_scan", pages)
        try await merger.set("sleep_millisecs", 0)
        try await settles()
        try await stage(1, ["c", "a", "a"], Counts(shared: 2, sharing: pages - 2))
        try await stage(2, ["c", "b", "a"], Counts(shared: 3, sharing: pages - 3))
        try await stage(3, ["d", "d", "d"], Counts(shared: 1, sharing: pages - 1))
        try await stage(4, ["d", "d e", "d"], Counts(shared: 1, sharing: pages - 2, unshared: 1))
        try await merger.set("run", 2)
        try await check("stage 5", run: 2, Counts())
        for child in children { try await verify(child) }
        try await merger.set("run", 0)
        try await check("stage 6", run: 0, Counts())
        for child in children {
            try await verify(child)
            let status = try await child.finish()
            #expect(status == 0)
        }
    }

    private func verify(_ child: Child) async throws {
        let answer = try await child.ask("verify")
        #expect(answer == "ok")
    }

    private func stage(_ number: Int, _ contents: [String], _ expected: Counts) async throws {
        for (child, content) in zip(children, contents) {
            let answer = try await child.ask("fill \(content)")
            try #require(answer == "ok")
        }
        let start = try await merger.value("full_scans")
        try await eventually("stage \(number): three full scans", within: .seconds(60)) {
            try await merger.value("full_scans") >= start + 3
        }
        // Between two trees a page looks volatile: counters are read while nothing is scanned.
        try await merger.set("run", 0)
        try await check("stage \(number)", run: 0, expected)
        try await merger.set("run", 1)
        for name in ["pages_to_scan", "sleep_millisecs"] {
            let value = try await merger.value(name)
            #expect(value == (name == "pages_to_scan" ? pages : 0), "stage \(number): \(name)")
        }
        for child in children { try await verify(child) }
    }

    private func check(_ what: Comment, run: Int, _ expected: Counts) async throws {
        let found = Counts(
            shared: try await merger.value("pages_shared"), sharing: try await merger.value("pages_sharing"),
            volatile: try await merger.value("pages_volatile"), unshared: try await merger.value("pages_unshared"))
        #expect(found == expected, what)
        let mode = try await merger.value("run")
        #expect(mode == run, what)
    }
}
