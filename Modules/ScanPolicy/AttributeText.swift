/// Reads the text written to an unsigned attribute the way the kernel's control files do (`kstrtouint`, base 10): digits
/// only, optionally one newline at the end.
///
/// - Parameters:
///   - text: What was written.
///   - name: The attribute, for the error.
///   - range: The values taken.
/// - Throws: ``AttributeError/invalid(name:value:expected:)`` for anything else: empty, blanks, signs, junk, out of range.
public func parseUnsignedAttribute(
    _ text: String, name: String, in range: ClosedRange<UInt64> = 0...UInt64(UInt32.max)
) throws(AttributeError) -> UInt64 {
    var digits = text.utf8[...]
    if digits.last == UInt8(ascii: "\n") { digits = digits.dropLast() }
    let value: UInt64? =
        digits.isEmpty
        ? nil
        : digits.reduce(UInt64?.some(0)) { total, character in
            guard let total, character >= UInt8(ascii: "0"), character <= UInt8(ascii: "9") else { return nil }
            let (product, overflow) = total.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(character - UInt8(ascii: "0")))
            return overflow || carry ? nil : sum
        }
    guard let value, range.contains(value) else {
        let shown = digits.count == text.utf8.count ? text : String(text.dropLast())
        throw .invalid(
            name: name, value: shown, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
}
