/// Room for one message: writes and reads structures with every bound checked. The memory belongs to whoever made it.
@safe
public struct WireBuffer {
    /// The memory.
    public let bytes: UnsafeMutableRawPointer
    /// Its size.
    public let capacity: Int
    /// Bytes of the message.
    public private(set) var size = 0
    /// How far the message has been read.
    public private(set) var position = 0

    /// Takes memory, aligned to 8 bytes.
    public init(bytes: UnsafeMutableRawPointer, capacity: Int) {
        unsafe self.bytes = unsafe bytes
        self.capacity = capacity
    }

    /// Begins a message.
    public mutating func begin(_ header: WireHeader) {
        size = 0
        position = 0
        _ = append(header)
    }

    /// Adds a structure; `false`, adding nothing, when there is no room.
    public mutating func append<Value: BitwiseCopyable>(_ value: Value) -> Bool {
        let length = MemoryLayout<Value>.size
        guard length <= capacity - size else { return false }
        // SAFETY: the check above; any alignment will do.
        unsafe bytes.storeBytes(of: value, toByteOffset: size, as: Value.self)
        size += length
        return true
    }

    /// The head of the message being written gets its number of entries.
    public mutating func setCount(_ count: Int) {
        guard size >= MemoryLayout<WireHeader>.size else { return }
        // SAFETY: there is a head.
        unsafe bytes.storeBytes(of: UInt32(truncatingIfNeeded: count), toByteOffset: 4, as: UInt32.self)
    }

    /// A message of so many bytes was received into the memory.
    public mutating func received(_ size: Int) {
        self.size = min(max(size, 0), capacity)
        position = 0
    }

    /// Bytes not read yet.
    public var remaining: Int { size - position }

    /// Reads a structure; `nil` when the message is too short.
    public mutating func take<Value: BitwiseCopyable>(_: Value.Type) -> Value? {
        let length = MemoryLayout<Value>.size
        guard length <= remaining else { return nil }
        // SAFETY: the check above; every bit pattern is a value of the structures of this module.
        let value = unsafe bytes.loadUnaligned(fromByteOffset: position, as: Value.self)
        position += length
        return value
    }

    /// Whether exactly `count` values of a type remain: what a well-formed message has after its structure.
    public func holdsExactly<Value: BitwiseCopyable>(_ count: UInt32, of _: Value.Type) -> Bool {
        remaining == Int(count) * MemoryLayout<Value>.stride
    }
}
