import FixedPolicy
import ScanPolicy
import ScanTimePolicy
import Testing

struct ScanTimeTests {
    /// One full scan of an advisor, in seconds and percent of a CPU.
    private func pages(_ advisor: inout ScanTimeAdvisor, seconds: UInt64, percent: UInt64) -> UInt64 {
        advisor.scanEnded(elapsedNanoseconds: seconds * 1_000_000_000, cpuNanoseconds: seconds * percent * 10_000_000)
        return advisor.pagesToScan
    }

    @Test("a scan that takes as long as wanted: the change climbs 30, 51, 65 ... percent, as the kernel's does")
    func steady() {
        var advisor = ScanTimeAdvisor()
        #expect(advisor.pagesToScan == 500)
        // 500 pages at 1 % of a CPU: the share of 10 % asks for 5000.
        #expect(pages(&advisor, seconds: 200, percent: 1) == 5000)
        // 51 % of 5000 are 2550; at 20 % of a CPU one percent is 250 pages, and 10 of them are 2500.
        #expect(pages(&advisor, seconds: 200, percent: 20) == 2550)
        // 65 % of 2550.
        #expect(pages(&advisor, seconds: 200, percent: 20) == 1657)
        // 75 % of 1657.
        #expect(pages(&advisor, seconds: 200, percent: 20) == 1242)
    }

    @Test("a scan that is too slow scans more, one that is too fast less, within the bounds")
    func bounds() {
        var slow = ScanTimeAdvisor()
        for _ in 0..<20 { _ = pages(&slow, seconds: 1000, percent: 30) }
        #expect(slow.pagesToScan == 30000)
        var fast = ScanTimeAdvisor()
        for _ in 0..<20 { _ = pages(&fast, seconds: 1, percent: 30) }
        #expect(fast.pagesToScan == 10)
        var kept = ScanTimeAdvisor()
        kept.keepsMinimum = true
        for _ in 0..<20 { _ = pages(&kept, seconds: 1, percent: 30) }
        #expect(kept.pagesToScan == 500)
    }

    @Test("the share of a CPU bounds the pages")
    func share() {
        var advisor = ScanTimeAdvisor()
        advisor.maxCPU = 20
        // One percent is 500 / 50 = 10 pages; 20 of them are fewer than the slow scan asks for.
        #expect(pages(&advisor, seconds: 10000, percent: 50) == 200)
    }

    @Test("an advisor that is reset begins anew, with the minimum of now")
    func reset() throws {
        var advisor = ScanTimeAdvisor()
        _ = pages(&advisor, seconds: 100, percent: 3)
        try advisor.set("advisor_min_pages_to_scan", to: "123\n")
        advisor.reset()
        var fresh = ScanTimeAdvisor()
        fresh.minPagesToScan = 123
        fresh.reset()
        #expect(advisor == fresh && fresh.pagesToScan == 123)
    }

    @Test(
        "values are checked as the kernel does",
        arguments: [("advisor_target_scan_time", "0"), ("advisor_max_cpu", "x")])
    func values(name: String, value: String) {
        var advisor = ScanTimeAdvisor()
        #expect(throws: AttributeError.self) { try advisor.set(name, to: value) }
        #expect(advisor == ScanTimeAdvisor())
    }

    @Test("pages_to_scan is the advisor's, the sleep the pace's")
    func policy() throws {
        var policy = ScanTimePolicy(pace: FixedPolicy(pagesToScan: 1, sleepMillisecs: 20))
        #expect(policy.nextBatch() == ScanBatch(pages: 500, sleepMilliseconds: 20))
        #expect(policy.value(of: "pages_to_scan") == "500")
        #expect(throws: AttributeError.steered(name: "pages_to_scan", reason: "the scan-time advisor sets it")) {
            try policy.set("pages_to_scan", to: "5")
        }
        try policy.set("sleep_millisecs", to: "0")
        #expect(policy.nextBatch().sleepMilliseconds == 0)
    }
}
