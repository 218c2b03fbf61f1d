import Testing
import samepage

extension JSONText {
    /// A field of an object.
    subscript(_ name: String) -> JSONText? {
        guard case .object(let fields) = self else { return nil }
        return fields.first { $0.name == name }?.value
    }

    /// The elements of an array.
    var elements: [JSONText]? { if case .array(let elements) = self { elements } else { nil } }
    /// A whole number.
    var integer: Int? { if case .integer(let value) = self { value } else { nil } }
    /// Any number.
    var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// Reads the whole of a JSON text.
    static func parse(_ text: String) throws -> JSONText {
        var reader = JSONReader(rest: Array(text.unicodeScalars)[...])
        let value = try reader.value()
        reader.skipSpace()
        guard reader.rest.isEmpty else { throw JSONReader.Malformed(at: String(reader.rest.count)) }
        return value
    }
}

/// A reader of JSON that accepts nothing else.
private struct JSONReader {
    struct Malformed: Error { let at: String }

    var rest: ArraySlice<Unicode.Scalar>

    mutating func skipSpace() { rest = rest.drop { " \n\t\r".unicodeScalars.contains($0) } }

    mutating func value() throws -> JSONText {
        skipSpace()
        switch rest.first {
        case "{": return .object(try list("{", "}") { .init(try $0.string(), try $0.after(":")) })
        case "[": return .array(try list("[", "]") { try $0.value() })
        case "\"": return .string(try string())
        default: return try word()
        }
    }

    private mutating func after(_ mark: Unicode.Scalar) throws -> JSONText {
        try take(mark)
        return try value()
    }

    private mutating func take(_ mark: Unicode.Scalar) throws {
        skipSpace()
        guard rest.popFirst() == mark else { throw Malformed(at: "\(mark)") }
    }

    private mutating func list<Element>(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ element: (inout JSONReader) throws -> Element
    ) throws -> [Element] {
        try take(open)
        var elements: [Element] = []
        skipSpace()
        while rest.first != close {
            if !elements.isEmpty { try take(",") }
            skipSpace()
            elements.append(try element(&self))
            skipSpace()
        }
        try take(close)
        return elements
    }

    private mutating func string() throws -> String {
        try take("\"")
        var text = ""
        while let scalar = rest.popFirst(), scalar != "\"" {
            guard scalar == "\\" else {
                guard scalar.value >= 0x20 else { throw Malformed(at: "control character") }
                text.unicodeScalars.append(scalar)
                continue
            }
            text.unicodeScalars.append(try escaped())
        }
        return text
    }

    private mutating func escaped() throws -> Unicode.Scalar {
        switch rest.popFirst() {
        case "\"": return "\""
        case "\\": return "\\"
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "u":
            let digits = String(String.UnicodeScalarView(rest.prefix(4)))
            rest = rest.dropFirst(4)
            guard let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value) else {
                throw Malformed(at: digits)
            }
            return scalar
        default: throw Malformed(at: "escape")
        }
    }

    private mutating func word() throws -> JSONText {
        let scalars = rest.prefix { !" \n\t\r,]}".unicodeScalars.contains($0) }
        rest = rest.dropFirst(scalars.count)
        let word = String(String.UnicodeScalarView(scalars))
        switch word {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "null": return .null
        default:
            if let value = Int(word) { return .integer(value) }
            guard let value = Double(word), value.isFinite else { throw Malformed(at: word) }
            return .number(value)
        }
    }
}
