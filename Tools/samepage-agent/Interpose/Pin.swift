internal import CLinuxMemory

// An AF_XDP socket pins the memory that it is given for as long as it lives. The kernel does not wait there for a page that is
// just being merged, or whose writes are trapped, but fails: no merge goes on during the call, and nothing lies over frames.
// Pinned pages do not merge, as the kernel's own test for pins knows them; when the socket is closed they may again.

/// setsockopt: only what registers memory with an AF_XDP socket is looked at.
@c(setsockopt)
public func interposedSetsockopt(
    _ socket: Int32, _ level: Int32, _ option: Int32, _ value: UInt, _ size: UInt32
) -> Int32 {
    answer(setOptionForProgram(Int(socket), Int(level), Int(option), value, Int(size)))
}

func setOptionForProgram(_ socket: Int, _ level: Int, _ option: Int, _ value: UInt, _ size: Int) -> Int32 {
    // The kernel takes an int for the size.
    let size = Int(UInt32(truncatingIfNeeded: size))
    return SocketOption(socket: socket, level: level, option: option, value: value, size: size).setForProgram()
}

/// What a program asks of setsockopt.
private struct SocketOption {
    let socket: Int
    let level: Int
    let option: Int
    let value: UInt
    let size: Int

    /// Does what the kernel does.
    func setForProgram() -> Int32 {
        guard isRegistration, !isAgentOff, isWatching, let memory = memoryToRegister(), enterCall() else {
            return set()
        }
        let isKnown = ranges.touches(memory.start, memory.end)
        let hasFrames = ranges.hasFrames(memory.start, memory.end)
        // From here on nothing merges there.
        ranges.markUnfit(memory.start, memory.end, retry: false)
        AgentLock.release()
        guard isKnown else { return set() }
        // In anonymous memory, where they merge again afterwards.
        if hasFrames { _ = performJob(.unmerge(start: memory.start, end: memory.end, inPlace: false)) }
        guard enterCall() else { return set() }
        // What has been rewritten since its merge stays where it is.
        _ = breakSharing(memory.start, memory.end)
        let result = set()
        ranges.markForExamination(memory.start, memory.end)
        AgentLock.release()
        ringDoorbellOnce()
        return result
    }

    private func set() -> Int32 { nextSetsockopt(socket, level, option, Int(bitPattern: value), size) }

    private var isRegistration: Bool {
        Int32(truncatingIfNeeded: level) == Int32(LM_SOL_XDP)
            && Int32(truncatingIfNeeded: option) == Int32(LM_XDP_UMEM_REG)
    }

    /// The memory that is registered, in whole pages; `nil` where the kernel refuses it. All forms of the structure
    /// (struct xdp_umem_reg) begin with an address and a size.
    private func memoryToRegister() -> (start: UInt, end: UInt)? {
        guard size >= 16, size <= Int(Int32.max), let start = programWord(at: value),
            let length = programWord(at: value &+ 8), let end = pageEnd(start, Int(bitPattern: length)), start < end
        else { return nil }
        return (start, end)
    }
}
