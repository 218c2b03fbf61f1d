internal import CLinuxMemory

// The agent's memory, and the library itself, are no memory of the program's, which may give back or make inaccessible all that it
// does not know: for its calls nothing is mapped there. Only a new mapping at just that place cannot be had.

/// Where this library lies. Set once, by the constructor.
nonisolated(unsafe) private var library: (start: UInt, end: UInt) = (0, 0)

/// Looks up where this library lies.
func findOwnLibrary() {
    // SAFETY: an address inside this library, used as a number.
    let here = unsafe withUnsafeMutablePointer(to: &library) { UInt(bitPattern: $0) }
    let extent = lm_extent_around(here)
    unsafe library = (UInt(extent.start), (UInt(extent.end) + 4095) & ~4095)
}

/// Whether a part of the library lies between two addresses.
private func touchesLibrary(_ start: UInt, _ end: UInt) -> Bool { unsafe start < library.end && end > library.start }

/// What is ours between two addresses: the agent's memory, or the library; `nil` where it is the program's.
///
/// - Parameter endsUse: Whether the library could not go on after the call; else it is memory like that of other libraries.
func ownPlace(_ start: UInt, _ end: UInt, endsUse: Bool = true) -> (start: UInt, end: UInt)? {
    if agentMemory.touches(start, end) { return agentMemory.bounds }
    return endsUse && touchesLibrary(start, end) ? unsafe library : nil
}

/// Makes a call for what lies before and behind what is ours; the first error, or 0.
func aroundOwnPlace(
    _ own: (start: UInt, end: UInt), _ start: UInt, _ end: UInt, _ call: (_ start: UInt, _ end: UInt) -> Int32
) -> Int32 {
    var result: Int32 = 0
    if start < own.start { result = call(start, own.start) }
    if result == 0, own.end < end { result = call(own.end, end) }
    return result
}

/// The same for calls that answer ENOMEM where a part is not mapped, after what is.
func aroundOwnPlaceAsGap(
    _ own: (start: UInt, end: UInt), _ start: UInt, _ end: UInt, _ call: (_ start: UInt, _ end: UInt) -> Int32
) -> Int32 {
    if start < own.start {
        let result = call(start, own.start)
        if result != 0, result != -Int32(LM_ENOMEM) { return result }
    }
    if own.end < end {
        let result = call(own.end, end)
        if result != 0 { return result }
    }
    return -Int32(LM_ENOMEM)
}
