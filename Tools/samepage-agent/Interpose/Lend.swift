internal import CLinuxMemory

// vmsplice lends the pages themselves to a pipe: a write that comes before the reader shows there. The kernel's test for
// pins does not know such a loan, so what was lent is not merged any more until it is mapped anew.

/// vmsplice.
@c(vmsplice)
public func interposedVmsplice(_ pipe: Int32, _ pieces: Int, _ count: Int, _ flags: UInt32) -> Int {
    answer(lendForProgram(Int(pipe), pieces, count, Int(flags)))
}

func lendForProgram(_ pipe: Int, _ pieces: Int, _ count: Int, _ flags: Int) -> Int {
    if isWatching, count > 0, count <= 1024 {
        for place in 0..<count {
            let piece = UInt(bitPattern: pieces) &+ UInt(16 * place)
            // The kernel lends nothing of a list that it cannot read.
            guard let address = programWord(at: piece), let size = programWord(at: piece &+ 8) else { break }
            lend(address, Int(bitPattern: size))
        }
    }
    return lm_system_call(Int(LM_SYS_VMSPLICE), pipe, pieces, count, flags, 0, 0)
}

/// What lies over frames gets memory of its own, which is what the pipe gets.
private func lend(_ address: UInt, _ size: Int) {
    let start = address & ~4095
    guard let end = pageEnd(start, size &+ Int(address - start)), start < end, enterCall() else { return }
    ownMappings.remove(start, end)
    if ranges.touches(start, end) {
        ranges.markUnfit(start, end, retry: true)
        _ = breakSharing(start, end)
    }
    AgentLock.release()
}
