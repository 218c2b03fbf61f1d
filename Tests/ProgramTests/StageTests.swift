import Glibc
import Testing

extension TestDaemon: StagedMerger {
    func value(_ name: String) async throws -> Int {
        let result = try await command(["get", name])
        return try #require(Int(result.output.filter(\.isNumber)), "\(name): \(result.errors)")
    }
}

extension KernelKSM: StagedMerger {
    func set(_ name: String, _ value: Int) async throws { try set(name, "\(value)") }
}

extension RealPrograms {
    /// The KSM stages of the Linux Test Project, on real memory: the kernel's own KSM and Samepage, with the same
    /// programs and the same numbers.
    struct StageTests {
        /// MiB in each of three processes, and in each of their areas, as in LTP's ksm01 and ksm01_1.
        static let sizes = [(128, 1), (128, 128)]

        @Test(.timeLimit(.minutes(3)), arguments: sizes)
        func samepage(mebibytes: Int, unit: Int) async throws {
            // What is written over where it lies merges again where writes are trapped, as under the kernel's KSM.
            let traps = unit < mebibytes
            let daemon = try await TestDaemon([
                "--row-length", "1", "--vma-budget-percent", "90", "--rewritten-pages", traps ? "trap" : "leave",
            ])
            try await daemon.set("use_zero_pages", 0)
            try await daemon.set("smart_scan", 0)
            let stages = try await KernelStages(
                daemon, prefix: daemon.agent(), mebibytes: mebibytes, unit: unit, discards: !traps)
            try await daemon.set("max_page_sharing", stages.pages)
            try await stages.run {
                try await daemon.waitForClients(3, mergeableBytes: 3 * mebibytes << 20)
            }
        }

        @Test(
            .timeLimit(.minutes(3)), .enabled(if: KernelKSM.obstacle == nil, "\(KernelKSM.obstacle ?? "")"),
            arguments: sizes)
        func kernel(mebibytes: Int, unit: Int) async throws {
            let kernel = try KernelKSM()
            try kernel.set("use_zero_pages", "0")
            try kernel.set("smart_scan", "0")
            let stages = try await KernelStages(kernel, prefix: [], mebibytes: mebibytes, unit: unit, discards: false)
            try kernel.set("max_page_sharing", "\(stages.pages)")
            try await stages.run()
        }
    }
}
