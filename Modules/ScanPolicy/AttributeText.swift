/// The type that the kernel reads an attribute's number into, where it tells numbers that the type does not hold from
/// others that the attribute does not take.
public enum AttributeNumber: Sendable, Hashable {
    /// Any type: it does not tell.
    case untold
    /// `int`, as of `max_page_sharing`.
    case int
    /// `unsigned long`, as of `merge_across_nodes`.
    case unsignedLong

    /// Whether the type does not hold a number of this magnitude; `nil` is one of more than 64 bits.
    fileprivate func excludes(_ magnitude: UInt64?, isNegative: Bool) -> Bool {
        switch self {
        case .untold: false
        case .int: magnitude.map { $0 > UInt64(Int32.max) + (isNegative ? 1 : 0) } ?? true
        case .unsignedLong: magnitude == nil && !isNegative
        }
    }
}

/// Reads the text written to an unsigned attribute the way the kernel's control files do (`kstrtouint`, base 10): digits
/// only, perhaps after a plus sign, optionally one newline at the end. A NUL byte ends the text.
///
/// - Parameters:
///   - text: What was written.
///   - name: The attribute, for the error.
///   - range: The values taken.
///   - type: Which numbers out of range are an error of their own.
/// - Throws: ``AttributeError/invalid(name:value:expected:)`` for anything else: empty, blanks, a minus sign, junk, out of
///   range; ``AttributeError/outOfRange(name:value:expected:)`` for numbers that the type does not hold.
public func parseUnsignedAttribute(
    _ text: String, name: String, in range: ClosedRange<UInt64> = 0...UInt64(UInt32.max),
    as type: AttributeNumber = .untold
) throws(AttributeError) -> UInt64 {
    let line = attributeLine(text)
    var digits = line.utf8[...]
    let isNegative = digits.first == UInt8(ascii: "-")
    if isNegative || digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
    let isNumber = !digits.isEmpty && digits.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
    let magnitude = isNumber ? UInt64(Substring(digits)) : nil
    if let magnitude, !isNegative, range.contains(magnitude) { return magnitude }
    let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
    if isNumber, type.excludes(magnitude, isNegative: isNegative) {
        throw .outOfRange(name: name, value: line, expected: expected)
    }
    throw .invalid(name: name, value: line, expected: expected)
}

/// Reads the text written to an attribute that is on or off the way the kernel's control files do (`kstrtobool`): the first
/// letter decides, of `on` and `off` the second.
///
/// - Parameters:
///   - text: What was written.
///   - name: The attribute, for the error.
/// - Throws: ``AttributeError/invalid(name:value:expected:)``.
public func parseBooleanAttribute(_ text: String, name: String) throws(AttributeError) -> Bool {
    let letters = Array(text.utf8.prefix(2))
    switch letters.first {
    case UInt8(ascii: "1"), UInt8(ascii: "y"), UInt8(ascii: "Y"), UInt8(ascii: "t"), UInt8(ascii: "T"),
        UInt8(ascii: "e"), UInt8(ascii: "E"):
        return true
    case UInt8(ascii: "0"), UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "f"), UInt8(ascii: "F"),
        UInt8(ascii: "d"), UInt8(ascii: "D"):
        return false
    case UInt8(ascii: "o"), UInt8(ascii: "O"):
        switch letters.last {
        case UInt8(ascii: "n"), UInt8(ascii: "N"): return true
        case UInt8(ascii: "f"), UInt8(ascii: "F"): return false
        default: break
        }
    default: break
    }
    throw .invalid(name: name, value: attributeLine(text), expected: "1 or 0")
}

/// What was written, up to a NUL byte, without a newline at its end.
private func attributeLine(_ text: String) -> String {
    let line = text.unicodeScalars.prefix { $0 != "\0" }
    return String(String.UnicodeScalarView(line.last == "\n" ? line.dropLast() : line))
}
