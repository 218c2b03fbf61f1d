internal import CLinuxMemory

// The agent's memory is no memory of the program's: for its calls nothing is mapped there. Only a new mapping at just
// that place cannot be had.

/// Makes a call for what lies before and behind the agent's memory; the first error, or 0.
func aroundOwnMemory(_ start: UInt, _ end: UInt, _ call: (_ start: UInt, _ end: UInt) -> Int32) -> Int32 {
    let own = agentMemory.bounds
    var result: Int32 = 0
    if start < own.start { result = call(start, own.start) }
    if result == 0, own.end < end { result = call(own.end, end) }
    return result
}

/// The same for calls that answer ENOMEM where a part is not mapped, after what is.
func aroundOwnMemoryAsGap(_ start: UInt, _ end: UInt, _ call: (_ start: UInt, _ end: UInt) -> Int32) -> Int32 {
    let own = agentMemory.bounds
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
