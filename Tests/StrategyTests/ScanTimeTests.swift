import Conformance
import FixedPolicy
import ScanPolicy
import ScanTimePolicy
import Testing

struct ScanTimeTests {
    /// One full scan of an advisor, in seconds and percent of a CPU.
    private func pages(_ advisor: inout ScanTimeAdvisor, seconds: UInt64, percent: UInt64) -> UInt64 {
        advisor.scanEnded(elapsedNanoseconds: seconds * 1_000_000_000, cpuNanoseconds: seconds * percent * 10_000_000)
        return UInt64(advisor.pagesToScan)
    }

    /// The same arithmetic once more, from the description of the kernel's, in numbers that never overflow.
    private struct Reference {
        var pages: UInt128
        var change: UInt128 = 0
        var lastSeconds: UInt128?

        mutating func scanEnded(_ settings: ScanTimeAdvisor, nanoseconds: UInt64, cpuNanoseconds: UInt64) {
            let seconds = UInt128(max(nanoseconds / 1_000_000_000, 1))
            let percent = max(UInt128(cpuNanoseconds / 1_000_000) * 100 / (seconds * 1000), 1)
            let factor = max(UInt128(settings.targetScanTime) * 100 / seconds, 1)
            change = (70 * change + 30 * max(seconds * 100 / (lastSeconds ?? seconds), 1)) / 100
            lastSeconds = seconds
            let ofPercent = max(pages / percent, 1)
            var wanted = pages * 100 / factor * change / 100
            if wanted > ofPercent * UInt128(settings.maxCPU) { wanted = ofPercent * UInt128(settings.maxCPU) }
            if wanted < ofPercent * 10 { wanted = ofPercent * 10 }
            if settings.keepsMinimum, wanted < settings.minPagesToScan { wanted = UInt128(settings.minPagesToScan) }
            pages = min(wanted, UInt128(settings.maxPagesToScan), UInt128(UInt32.max))
        }
    }

    @Test("random scans and settings: the same numbers as another implementation", arguments: [false, true])
    func otherImplementation(keepsMinimum: Bool) throws {
        var random = SplitMix64(seed: 0x5ca7)
        func below(_ exponents: ClosedRange<Int>) -> UInt64 {
            UInt64.random(
                in: 0..<1
                    << UInt64.random(in: UInt64(exponents.lowerBound)...UInt64(exponents.upperBound), using: &random),
                using: &random)
        }
        var numbers: Set<UInt32> = []
        for sequence in 0..<500 {
            var advisor = ScanTimeAdvisor()
            advisor.keepsMinimum = keepsMinimum
            if sequence > 0 {
                advisor.maxCPU = UInt32(below(1...9))
                advisor.targetScanTime = max(1, below(1...20))
                advisor.minPagesToScan = below(1...20)
                advisor.maxPagesToScan = below(1...32)
            }
            advisor.reset()
            var reference = Reference(pages: UInt128(advisor.pagesToScan))
            for _ in 0..<40 {
                // Up to five hours, and up to four CPUs.
                let elapsed = below(20...44)
                let cpu = UInt64.random(in: 0...4 * elapsed, using: &random)
                advisor.scanEnded(elapsedNanoseconds: elapsed, cpuNanoseconds: cpu)
                reference.scanEnded(advisor, nanoseconds: elapsed, cpuNanoseconds: cpu)
                try #require(UInt128(advisor.pagesToScan) == reference.pages, "sequence \(sequence)")
                numbers.insert(advisor.pagesToScan)
            }
        }
        #expect(numbers.count > 1000)
    }

    @Test("the first scan: 30 percent of the pages, where the share of a CPU does not ask for more")
    func firstScan() {
        var advisor = ScanTimeAdvisor()
        advisor.minPagesToScan = 10_000
        advisor.reset()
        #expect(pages(&advisor, seconds: 200, percent: 50) == 3000)
    }

    @Test("numbers as large as they can be stay within the bounds")
    func extremes() {
        for target in [1, UInt64.max] {
            for pages in [0, UInt64.max] {
                var advisor = ScanTimeAdvisor()
                (advisor.maxCPU, advisor.targetScanTime) = (.max, target)
                (advisor.minPagesToScan, advisor.maxPagesToScan) = (pages, .max)
                advisor.reset()
                for time in [0, 1, UInt64.max, 0, .max, 1] {
                    advisor.scanEnded(elapsedNanoseconds: time, cpuNanoseconds: .max)
                    #expect(advisor.pagesToScan >= 10)
                }
            }
        }
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
        try advisor.set("advisor_min_pages_to_scan", to: "7")
        #expect(advisor.pagesToScan == 500)
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
