public import ScanPolicy

/// Checks that a scan policy keeps the contract of ``ScanPolicy/ScanPolicy``.
///
///     for violation in PolicyConformance({ MyPolicy() }).violations() { Issue.record("\(violation)") }
///
/// Checked are: the name; attributes have values, take them back and refuse what is no value while leaving everything as
/// it was, those that are unsigned 32-bit numbers exactly as the kernel's control files do; unknown attributes are
/// refused; the selection is a subset of the candidates, also for chunks that were forgotten; and the policy survives
/// reports of full scans that did nothing, took no time, or were as large as numbers go.
public struct PolicyConformance: Sendable {
    let makePolicy: @Sendable () -> any ScanPolicy
    let unsignedAttributes: [String]
    let seed: UInt64

    /// Prepares the checks.
    ///
    /// - Parameters:
    ///   - unsignedAttributes: Attributes that take unsigned 32-bit numbers; those that the policy does not own do not
    ///     count.
    ///   - seed: What the random candidates come from.
    ///   - makePolicy: Makes the plug-in to check, each time a fresh one.
    /// - Complexity: O(1)
    public init(
        unsignedAttributes: [String] = ["pages_to_scan", "sleep_millisecs"], seed: UInt64 = 1,
        _ makePolicy: @escaping @Sendable () -> any ScanPolicy
    ) {
        self.makePolicy = makePolicy
        self.unsignedAttributes = unsignedAttributes
        self.seed = seed
    }

    /// Runs all checks and says, in one line each, what is wrong; empty for a sound policy.
    ///
    /// - Complexity: Some ten thousand calls of the policy.
    public func violations() -> [String] {
        var found: [String] = []
        let name = makePolicy().name
        if !isPlainName(name) { found.append("the name '\(name)' is not made of small letters, digits and hyphens") }
        return found + attributeViolations() + selectionViolations() + reportViolations()
    }
}

extension PolicyConformance {
    /// Selections of random candidates in 16 chunks over 64 full scans; some chunks go and come again.
    func selectionViolations() -> [String] {
        var policy = makePolicy()
        var random = SplitMix64(seed: seed)
        var found: [String] = []
        for pass in 1...64 as ClosedRange<UInt64> {
            _ = policy.nextBatch()
            for chunk in 0..<16 as Range<UInt32> {
                let candidates =
                    switch random.next() % 4 {
                    case 0: 0 as UInt64
                    case 1: UInt64.max
                    default: random.next()
                    }
                let selected = policy.select(pagesOf: chunk, among: candidates, absent: random.next() & ~candidates)
                if selected & ~candidates != 0 {
                    let extra = String(selected & ~candidates, radix: 16)
                    found.append("full scan \(pass), chunk \(chunk): selects pages that are no candidates: \(extra)")
                }
                if random.next() % 16 == 0 { policy.forget(chunk: chunk) }
            }
            policy.passEnded(report(number: pass, scale: random.next() % 1_000_000))
            if found.count > 4 { break }
        }
        policy.forget(chunk: 1_000_000)  // Never seen.
        return found
    }

    /// Reports at the ends of what can be.
    func reportViolations() -> [String] {
        var policy = makePolicy()
        var found: [String] = []
        for (number, scale) in [0, 0, 1, .max, 0, .max, 1].enumerated() as EnumeratedSequence<[UInt64]> {
            policy.passEnded(report(number: UInt64(number) + 1, scale: scale))
            _ = policy.nextBatch()
        }
        for attribute in policy.attributes where policy.value(of: attribute) == nil {
            found.append("\(attribute) has no value after extreme reports")
        }
        return found
    }

    private func report(number: UInt64, scale: UInt64) -> PassReport {
        PassReport(
            number: number, pagesScanned: scale, pagesSkipped: scale / 2, pagesChanged: scale / 3,
            pagesMerged: scale / 4, elapsedNanoseconds: scale, cpuNanoseconds: scale / 5)
    }
}
