/// Reads the text written to an unsigned attribute the way the kernel's control files do (`kstrtouint`, base 10): digits
/// only, perhaps after a plus sign, optionally one newline at the end. A NUL byte ends the text.
///
/// - Parameters:
///   - text: What was written.
///   - name: The attribute, for the error.
///   - range: The values taken.
///   - tellsRange: Whether larger numbers are an error of their own, as of attributes that the kernel reads as another type.
/// - Throws: ``AttributeError/invalid(name:value:expected:)`` for anything else: empty, blanks, a minus sign, junk, out of
///   range; ``AttributeError/outOfRange(name:value:expected:)`` for larger numbers where that is told apart.
public func parseUnsignedAttribute(
    _ text: String, name: String, in range: ClosedRange<UInt64> = 0...UInt64(UInt32.max), tellsRange: Bool = false
) throws(AttributeError) -> UInt64 {
    let line = attributeLine(text)
    var digits = line.utf8[...]
    if digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
    let isNumber = !digits.isEmpty && digits.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
    let value = isNumber ? UInt64(line) : nil
    if let value, range.contains(value) { return value }
    let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
    if isNumber, tellsRange, value.map({ $0 > range.upperBound }) ?? true {
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
    case UInt8(ascii: "1"), UInt8(ascii: "y"), UInt8(ascii: "Y"), UInt8(ascii: "t"), UInt8(ascii: "T"): return true
    case UInt8(ascii: "0"), UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "f"), UInt8(ascii: "F"): return false
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
