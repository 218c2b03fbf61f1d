public import ScanPolicy

/// The policy that scans as much at each wake-up as a full scan of the wanted time needs, and sleeps as long as another
/// policy does: the kernel's `advisor_mode` `scan-time`.
///
/// Its attributes are those of the pace and of the advisor. `pages_to_scan` shows the advisor's number and
/// cannot be set.
@frozen
public struct ScanTimePolicy: ScanPolicy {
    /// How long to sleep, and which pages to pass over.
    public var pace: any ScanPolicy
    /// What finds the number of pages.
    public var advisor: ScanTimeAdvisor

    /// Makes the policy.
    public init(pace: any ScanPolicy, advisor: ScanTimeAdvisor = ScanTimeAdvisor()) {
        self.pace = pace
        self.advisor = advisor
    }

    /// `scan-time`.
    public var name: String { "scan-time" }

    /// The pace's.
    public var selectsPages: Bool { pace.selectsPages }

    /// The pace's.
    public var bytesPerPage: Int { pace.bytesPerPage }

    /// The sleep of the pace, and the advisor's number of pages.
    public mutating func nextBatch() -> ScanBatch {
        var batch = pace.nextBatch()
        batch.pages = advisor.pagesToScan
        return batch
    }

    /// The pace's.
    public mutating func select(pagesOf chunk: UInt32, among candidates: UInt64, absent: UInt64) -> UInt64 {
        pace.select(pagesOf: chunk, among: candidates, absent: absent)
    }

    /// Told to the pace.
    public mutating func forget(chunk: UInt32) { pace.forget(chunk: chunk) }

    /// Lets the advisor find a new number.
    public mutating func passEnded(_ report: PassReport) {
        advisor.scanEnded(elapsedNanoseconds: report.elapsedNanoseconds, cpuNanoseconds: report.cpuNanoseconds)
        pace.passEnded(report)
    }

    /// The pace's, and the advisor's.
    public var attributes: [String] { pace.attributes + ScanTimeAdvisor.attributes }

    /// The value of an attribute; `nil` for a name that is not in ``attributes``.
    public func value(of attribute: String) -> String? {
        if attribute == "pages_to_scan" { return String(advisor.pagesToScan) }
        return advisor.value(of: attribute) ?? pace.value(of: attribute)
    }

    /// Sets an attribute, or leaves everything as it was and throws.
    ///
    /// - Throws: ``ScanPolicy/AttributeError/steered(name:reason:)`` for `pages_to_scan`.
    public mutating func set(_ attribute: String, to value: String) throws(AttributeError) {
        if attribute == "pages_to_scan" {
            throw .steered(name: attribute, reason: "the scan-time advisor sets it")
        }
        if ScanTimeAdvisor.attributes.contains(attribute) {
            try advisor.set(attribute, to: value)
        } else {
            try pace.set(attribute, to: value)
        }
    }
}
