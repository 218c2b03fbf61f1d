public import ScanPolicy

/// The policy that always scans the same number of pages and sleeps the same time: KSM's without an advisor.
///
/// It passes over no page and learns nothing. Attributes: `pages_to_scan` and `sleep_millisecs`, unsigned 32-bit
/// numbers; 0 pages stops the scan, 0 milliseconds scans without a pause.
///
/// Source: the control files of the same names, Linux `Documentation/admin-guide/mm/ksm.rst`.
@frozen
public struct FixedPolicy: ScanPolicy, Hashable {
    /// 32768 pages (128 MiB of 4 KiB pages) in each wake-up: with the default sleep, at most 1.25 GiB in a second.
    public static let defaultPagesToScan: UInt32 = 32768
    /// 100 milliseconds between wake-ups.
    public static let defaultSleepMillisecs: UInt32 = 100

    /// Pages handed to the merger in each wake-up.
    public var pagesToScan: UInt32
    /// Milliseconds to sleep after each wake-up.
    public var sleepMillisecs: UInt32

    /// Makes the policy.
    ///
    /// - Parameters:
    ///   - pagesToScan: The first value of the attribute `pages_to_scan`.
    ///   - sleepMillisecs: The first value of the attribute `sleep_millisecs`.
    /// - Complexity: O(1)
    public init(
        pagesToScan: UInt32 = FixedPolicy.defaultPagesToScan,
        sleepMillisecs: UInt32 = FixedPolicy.defaultSleepMillisecs
    ) {
        self.pagesToScan = pagesToScan
        self.sleepMillisecs = sleepMillisecs
    }

    /// `fixed`.
    public var name: String { "fixed" }

    /// The two attributes, the same each time.
    ///
    /// - Complexity: O(1)
    public mutating func nextBatch() -> ScanBatch {
        ScanBatch(pages: pagesToScan, sleepMilliseconds: sleepMillisecs)
    }
}
