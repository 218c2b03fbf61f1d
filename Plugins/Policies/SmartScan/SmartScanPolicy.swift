public import ScanPolicy

/// The policy that passes over pages which have not merged for long, at the pace of another policy: the kernel's
/// `smart_scan`.
///
/// Merged pages are never passed over. Its attributes are those of the pace.
@frozen
public struct SmartScanPolicy: ScanPolicy {
    /// How much to scan, and when.
    public var pace: any ScanPolicy
    /// What is known of pages.
    public var ages = PageAges()

    /// Makes the policy.
    ///
    /// - Parameter pace: A policy that passes over nothing itself.
    public init(pace: any ScanPolicy) { self.pace = pace }

    /// `smart-scan`.
    public var name: String { "smart-scan" }

    /// Always.
    public var selectsPages: Bool { true }

    /// The pace's, and what is known of a page.
    public var bytesPerPage: Int { pace.bytesPerPage + PageAges.bytesPerPage }

    /// The pace's.
    public mutating func nextBatch() -> ScanBatch { pace.nextBatch() }

    /// See ``PageAges/visit(chunk:candidates:absent:)``.
    public mutating func select(pagesOf chunk: UInt32, among candidates: UInt64, absent: UInt64) -> UInt64 {
        ages.visit(chunk: chunk, candidates: candidates, absent: absent)
    }

    /// Forgets the pages of a chunk.
    public mutating func forget(chunk: UInt32) {
        ages.forget(chunk: chunk)
        pace.forget(chunk: chunk)
    }

    /// Told to the pace.
    public mutating func passEnded(_ report: PassReport) { pace.passEnded(report) }

    /// The pace's.
    public var attributes: [String] { pace.attributes }

    /// The pace's.
    public func value(of attribute: String) -> String? { pace.value(of: attribute) }

    /// Sets an attribute of the pace.
    public mutating func set(_ attribute: String, to value: String) throws(AttributeError) {
        try pace.set(attribute, to: value)
    }
}
