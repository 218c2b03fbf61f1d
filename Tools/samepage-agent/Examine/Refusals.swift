/// Bytes that the program wants merged and that cannot be, by reason (raw value of `WireReason`): as of the last
/// ``examineRanges()``. Written and read by the agent's thread.
struct Refusals {
    private var bytes = InlineArray<32, UInt64>(repeating: 0)

    /// Bytes refused for a reason.
    subscript(reason: WireReason) -> UInt64 {
        get { bytes[Int(reason.rawValue)] }
        set { bytes[Int(reason.rawValue)] = newValue }
    }

}

/// The refusals of the process.
nonisolated(unsafe) var refusals = Refusals()
