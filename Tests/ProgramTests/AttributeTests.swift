import Assembly
import Merger
import ScanPolicy
import Testing

/// A merger without memory, of the kernel's defaults.
private final class Attributes {
    private var merger: Merger

    init() throws {
        var configuration = SamepageConfiguration()
        configuration.policyAttributes = ["pages_to_scan": "100", "sleep_millisecs": "20"]
        configuration.merger.run = .stop
        configuration.merger.usesZeroPages = false
        let parts = try configuration.makeParts()
        merger = Merger(
            configuration: parts.configuration, checksum: parts.checksum, stableTree: parts.stableTree,
            unstableTree: parts.unstableTree, policy: parts.policy, pageSize: 4096, tracksChanges: true, nodeCount: 2)
    }

    func answer(_ name: String, _ text: String) -> String? {
        do throws(AttributeError) {
            try merger.set(name, to: text)
            return nil
        } catch {
            return error.kernelError
        }
    }

    func text(_ name: String) -> String? { try? merger.value(of: name) }
}

extension RealPrograms {
    /// The files of /sys/kernel/mm/ksm, and Samepage's attributes of the same names.
    struct AttributeTests {
        /// Texts for every attribute that takes numbers or switches.
        static let texts = [
            "5", "2", "1", "0", "+1", "+5", "+0", "01", "2\n", "1\0", "1\0x", "\n", "5\n\n", " 1", "1 ", "1\n6", "0x1",
            "1x", "-1", "-0", "+", "-", "++1", "y", "Yes", "t", "T", "n", "No", "f", "false", "on", "oN", "of", "off",
            "o",
            "ox", "junk", "2147483647", "2147483648", "4294967295", "4294967296", "4294967297", "-2147483648",
            "-2147483649", "18446744073709551615", "18446744073709551616", "99999999999999999999",
            "-99999999999999999999",
        ]

        /// What is left out would let ksmd scan.
        private func isAsked(_ name: String, _ text: String) -> Bool { name != "run" || !text.contains("1") }

        /// The same texts are written to the kernel's files and to a merger: the same answers, the same values.
        @Test(.timeLimit(.minutes(1)), .enabled(if: KernelKSM.obstacle == nil, "\(KernelKSM.obstacle ?? "")"))
        func sameAnswersAsTheKernel() throws {
            let kernel = try KernelKSM()
            let merger = try Attributes()
            let names = [
                "run", "pages_to_scan", "sleep_millisecs", "max_page_sharing", "merge_across_nodes", "use_zero_pages",
                "smart_scan", "advisor_max_cpu", "advisor_target_scan_time", "advisor_min_pages_to_scan",
                "advisor_max_pages_to_scan", "stable_node_chains_prune_millisecs",
            ].filter { kernel.text($0) != nil }
            for name in ["smart_scan", "use_zero_pages"] { try kernel.set(name, "0") }
            try kernel.set("run", "0")
            var count = 0
            func compare(_ name: String, _ text: String) {
                let found = merger.answer(name, text)
                #expect(found == kernel.answer(name, text), "\(name) \(text.debugDescription)")
                #expect(merger.text(name) == kernel.text(name), "\(name) after \(text.debugDescription)")
                count += 1
            }
            // Both begin at the same values.
            for name in names {
                let value = name == "run" ? "0" : name == "smart_scan" || name == "use_zero_pages" ? "0" : "1000"
                compare(name, name == "merge_across_nodes" ? "1" : value)
            }
            for name in names { for text in Self.texts where isAsked(name, text) { compare(name, text) } }
            for name in Counters.attributes + ["nosuch"] {
                #expect(merger.answer(name, "1") == kernel.answer(name, "1"), "\(name)")
            }

            // The advisor: who sets pages_to_scan, and when.
            for (name, text) in [
                ("advisor_min_pages_to_scan", "500"), ("advisor_max_pages_to_scan", "30000"), ("pages_to_scan", "77"),
                ("advisor_mode", "none"), ("advisor_mode", "[none]"), ("advisor_mode", "Scan-time"),
                ("advisor_mode", "scan-time "), ("advisor_mode", "1"), ("advisor_mode", "none\n\n"),
                ("advisor_mode", "scan-time\n"), ("pages_to_scan", "5"), ("pages_to_scan", "junk"),
                ("sleep_millisecs", "30"), ("advisor_min_pages_to_scan", "600"), ("advisor_mode", "scan-time"),
                ("advisor_max_pages_to_scan", "10"), ("advisor_mode", "none\n"), ("pages_to_scan", "78"),
                ("advisor_mode", "scan-time"), ("advisor_mode", "none"),
            ] {
                compare(name, text)
                #expect(merger.text("pages_to_scan") == kernel.text("pages_to_scan"), "after \(name) \(text)")
            }
            #expect(count > 400)
        }

        /// A daemon and a program: what may change only while nothing is shared, and that a change takes effect at once.
        @Test(.timeLimit(.minutes(2))) func attributesOfADaemonThatShares() async throws {
            let daemon = try await TestDaemon(["--sleep-millisecs", "10"])
            var worker = try await Worker.start(daemon.agent())
            try await worker.map(pages: 512, seed: 1)
            try await worker.tell("fill 1 4")
            try await worker.tell("mark")
            try await daemon.waitForClients(1, mergeableBytes: 512 * 4096)
            func waitForSharing() async throws {
                try await eventually("pages are shared", within: .seconds(30)) {
                    try await daemon.status().pagesSharing > 400
                }
            }
            try await waitForSharing()
            func expect(_ name: String, _ text: String, error: String?, value: String) async throws {
                let result = try await daemon.command(["set", name, text])
                #expect(result.status == (error == nil ? 0 : 1), "\(name) \(text): \(result.errors)")
                #expect(error.map { result.errors.contains($0) } ?? (result.errors == ""), "\(result.errors)")
                let read = try await daemon.command(["get", name])
                #expect(read.output == value)
            }
            let busy = "'max_page_sharing' cannot be set now: pages are shared; write 2 to run first, and 1 afterwards"
            try await expect("max_page_sharing", "5", error: busy, value: "256\n")
            try await expect("max_page_sharing", "256", error: nil, value: "256\n")
            try await expect("max_page_sharing", "1", error: "'1' is no value", value: "256\n")
            // This memory does not tell the node of a page.
            try await expect("merge_across_nodes", "0", error: "no attribute 'merge_across_nodes'", value: "")
            try await expect("run", "2", error: nil, value: "2\n")
            try await expect("max_page_sharing", "5", error: nil, value: "5\n")
            try await expect("row_length", "1", error: nil, value: "1\n")
            try await expect("run", "1", error: nil, value: "1\n")
            try await waitForSharing()
            // 128 pages each of four contents, five to a frame.
            try await daemon.waitForFullScans(3)
            let status = try await daemon.status()
            #expect(status.pagesShared == 4 * 26 && status.pagesSharing == 4 * 102)
            try await worker.verify()

            // A sleep that has begun ends when another is set.
            try await expect("sleep_millisecs", "3600000", error: nil, value: "3600000\n")
            var before = try await daemon.fullScans()
            try await eventually("the daemon sleeps", within: .seconds(20)) {
                let last = before
                try await Task.sleep(for: .milliseconds(300))
                before = try await daemon.fullScans()
                return before == last
            }
            try await expect("sleep_millisecs", "10", error: nil, value: "10\n")
            try await eventually("it scans again", within: .seconds(20)) { try await daemon.fullScans() > before + 2 }
            let ended = try await worker.child.finish()
            #expect(ended == 0)
        }
    }
}
