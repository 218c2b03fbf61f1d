public import ScanPolicy

extension FixedPolicy {
    /// The two settings, by the names of the kernel's control files.
    private enum Attribute: String, CaseIterable {
        case pagesToScan = "pages_to_scan"
        case sleepMillisecs = "sleep_millisecs"
    }

    /// `pages_to_scan` and `sleep_millisecs`.
    ///
    /// - Complexity: O(1)
    public var attributes: [String] { Attribute.allCases.map(\.rawValue) }

    /// The value of an attribute as a decimal number; `nil` for a name that is not in ``attributes``.
    ///
    /// - Complexity: O(1)
    public func value(of attribute: String) -> String? {
        switch Attribute(rawValue: attribute) {
        case .pagesToScan: String(pagesToScan)
        case .sleepMillisecs: String(sleepMillisecs)
        case nil: nil
        }
    }

    /// Sets an attribute, or leaves everything as it was and throws.
    ///
    /// - Parameters:
    ///   - attribute: One of ``attributes``.
    ///   - value: A whole number from 0 to 4294967295, decimal; one newline may follow.
    /// - Throws: ``ScanPolicy/AttributeError/unknown(name:)`` or
    ///   ``ScanPolicy/AttributeError/invalid(name:value:expected:)``.
    /// - Complexity: O(n) in the length of the text.
    public mutating func set(_ attribute: String, to value: String) throws(AttributeError) {
        guard let known = Attribute(rawValue: attribute) else { throw .unknown(name: attribute) }
        let number = UInt32(try parseUnsignedAttribute(value, name: attribute))
        switch known {
        case .pagesToScan: pagesToScan = number
        case .sleepMillisecs: sleepMillisecs = number
        }
    }
}
