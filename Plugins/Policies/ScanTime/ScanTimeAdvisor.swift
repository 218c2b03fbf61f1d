public import ScanPolicy

/// Finds how many pages a wake-up has to scan so that a full scan takes a wanted time: the kernel's `scan-time` advisor,
/// in the same integer arithmetic.
///
/// After each full scan the number of pages changes in proportion to the time that the scan took, smoothed by an
/// exponentially weighted moving average of weight 30 in 100, and kept within what the wanted share of a CPU permits.
/// Products saturate where the kernel's would wrap around.
/// Source: Linux `Documentation/admin-guide/mm/ksm.rst` (`advisor_mode`), and what Linux 6.18 does.
@frozen
public struct ScanTimeAdvisor: Sendable, Hashable {
    /// The most CPU time for scanning, in percent of one CPU (`advisor_max_cpu`).
    public var maxCPU: UInt32 = 70
    /// The wanted time of a full scan, in seconds, at least 1 (`advisor_target_scan_time`).
    public var targetScanTime: UInt64 = 200
    /// The number of pages to begin with (`advisor_min_pages_to_scan`). As in the kernel it is no lower bound, unless
    /// ``keepsMinimum`` says so.
    public var minPagesToScan: UInt64 = 500
    /// The most pages of a wake-up (`advisor_max_pages_to_scan`).
    public var maxPagesToScan: UInt64 = 30000
    /// Whether ``minPagesToScan`` is a lower bound too, which the kernel documents and does not do (`advisor_keep_min`).
    public var keepsMinimum = false

    /// Pages of each wake-up now. Larger settings count as the largest of these numbers; the kernel cuts them to 32 bits.
    public private(set) var pagesToScan: UInt32
    private var previousChange: UInt64 = 0
    private var lastScanTime: UInt64 = 0

    /// Begins anew with ``minPagesToScan``.
    public init() { pagesToScan = UInt32(clamping: minPagesToScan) }

    /// Forgets earlier scans and begins with ``minPagesToScan`` again.
    public mutating func reset() {
        pagesToScan = UInt32(clamping: minPagesToScan)
        previousChange = 0
        lastScanTime = 0
    }

    /// A full scan has ended.
    ///
    /// - Parameters:
    ///   - elapsedNanoseconds: The time that it took.
    ///   - cpuNanoseconds: The CPU time of it.
    public mutating func scanEnded(elapsedNanoseconds: UInt64, cpuNanoseconds: UInt64) {
        let time = max(1, elapsedNanoseconds / 1_000_000_000)
        let cpuPercent = max(1, product(cpuNanoseconds / 1_000_000, 100) / product(time, 1000))
        let last = lastScanTime == 0 ? time : lastScanTime
        let factor = max(1, product(targetScanTime, 100) / time)
        var change = max(1, product(time, 100) / last)
        change = sum(product(70, previousChange), product(30, change)) / 100
        let old = UInt64(pagesToScan)
        var pages = product(product(old, 100) / factor, change) / 100
        let pagesOfPercent = max(1, old / cpuPercent)
        pages = min(pages, product(pagesOfPercent, UInt64(maxCPU)))
        pages = max(pages, product(pagesOfPercent, 10))
        if keepsMinimum { pages = max(pages, minPagesToScan) }
        pagesToScan = UInt32(clamping: min(pages, maxPagesToScan))
        previousChange = change
        lastScanTime = time
    }

    private func product(_ first: UInt64, _ second: UInt64) -> UInt64 {
        let (product, overflow) = first.multipliedReportingOverflow(by: second)
        return overflow ? .max : product
    }

    private func sum(_ first: UInt64, _ second: UInt64) -> UInt64 {
        let (sum, overflow) = first.addingReportingOverflow(second)
        return overflow ? .max : sum
    }
}

extension ScanTimeAdvisor {
    /// The settings, by the names of the kernel's files; `advisor_keep_min` is Samepage's own.
    private enum Attribute: String, CaseIterable {
        case maxCPU = "advisor_max_cpu"
        case targetScanTime = "advisor_target_scan_time"
        case minPagesToScan = "advisor_min_pages_to_scan"
        case maxPagesToScan = "advisor_max_pages_to_scan"
        case keepsMinimum = "advisor_keep_min"
    }

    /// The names of the settings.
    public static let attributes = Attribute.allCases.map(\.rawValue)

    /// The value of a setting; `nil` for a name that is none.
    public func value(of attribute: String) -> String? {
        switch Attribute(rawValue: attribute) {
        case .maxCPU: String(maxCPU)
        case .targetScanTime: String(targetScanTime)
        case .minPagesToScan: String(minPagesToScan)
        case .maxPagesToScan: String(maxPagesToScan)
        case .keepsMinimum: keepsMinimum ? "1" : "0"
        case nil: nil
        }
    }

    /// Changes a setting, or leaves everything as it was and throws. ``pagesToScan`` follows after the next full scan;
    /// ``minPagesToScan`` counts from the next ``reset()`` on.
    ///
    /// - Parameter value: A whole number from 0 to 18446744073709551615, from 1 for `advisor_target_scan_time`; of one for
    ///   `advisor_max_cpu` the lower 32 bits count. 0 or 1 for `advisor_keep_min`. One newline may follow.
    /// - Throws: ``ScanPolicy/AttributeError``.
    public mutating func set(_ attribute: String, to value: String) throws(AttributeError) {
        guard let known = Attribute(rawValue: attribute) else { throw .unknown(name: attribute) }
        let range: ClosedRange<UInt64> =
            switch known {
            case .targetScanTime: 1...UInt64.max
            case .keepsMinimum: 0...1
            case .maxCPU, .minPagesToScan, .maxPagesToScan: 0...UInt64.max
            }
        let number = try parseUnsignedAttribute(value, name: attribute, in: range)
        switch known {
        case .maxCPU: maxCPU = UInt32(truncatingIfNeeded: number)
        case .targetScanTime: targetScanTime = number
        case .minPagesToScan: minPagesToScan = number
        case .maxPagesToScan: maxPagesToScan = number
        case .keepsMinimum: keepsMinimum = number == 1
        }
    }
}
