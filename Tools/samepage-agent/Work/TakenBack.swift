/// Pages that were taken back from forked children, each at most once in some seconds: a pinned page looks the same,
/// and would be taken back again and again. A table of fixed size: a page whose place another has taken may be taken
/// back once more.
struct TakenBack {
    static var capacity: Int { 4096 }
    private var period: UInt64 = 0

    /// Whether a page may be taken back now.
    mutating func permits(_ address: UInt) -> Bool {
        let present = now() / seconds(10) + 1
        if present != period {
            period = present
            // SAFETY: the table has so many places.
            for place in 0..<TakenBack.capacity { unsafe buffers.takenBackPages[place] = 0 }
        }
        return unsafe buffers.takenBackPages[TakenBack.place(of: address)] != UInt64(address)
    }

    /// A page was taken back.
    func note(_ address: UInt) {
        unsafe buffers.takenBackPages[TakenBack.place(of: address)] = UInt64(address)
    }

    private static func place(of address: UInt) -> Int { Int(address >> 12) & (capacity - 1) }
}
