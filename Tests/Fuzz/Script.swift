/// An input, read as a script: bytes, numbers and pieces, one after the other; zeros behind its end.
struct Script {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position >= bytes.count }

    mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        position += 1
        return bytes[position - 1]
    }

    /// Little-endian, as the structures of messages.
    mutating func number<Value: FixedWidthInteger>(_: Value.Type) -> Value {
        (0..<MemoryLayout<Value>.size).reduce(0) { $0 | Value(truncatingIfNeeded: byte()) << Value($1 * 8) }
    }

    /// As many bytes as the next says, times `unit`.
    mutating func piece(unit: Int = 1) -> [UInt8] {
        let end = min(bytes.count, position + Int(byte()) * unit + 1)
        defer { position = max(position, end) }
        return position < end ? Array(bytes[position..<end]) : []
    }

    mutating func rest() -> [UInt8] {
        defer { position = bytes.count }
        return isAtEnd ? [] : Array(bytes[position...])
    }
}
