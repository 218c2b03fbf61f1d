internal import CLinuxMemory

// A limit of the address space is meant for the program alone: the agent gives back most of what it has reserved of it.

/// setrlimit.
@c(setrlimit)
public func interposedSetrlimit(_ resource: Int32, _ limit: UnsafePointer<UInt64>?) -> Int32 {
    answer(limitForProgram(0, resource, Int(bitPattern: limit), 0))
}

/// setrlimit64: the same on 64-bit machines.
@c(setrlimit64)
public func interposedSetrlimit64(_ resource: Int32, _ limit: UnsafePointer<UInt64>?) -> Int32 {
    answer(limitForProgram(0, resource, Int(bitPattern: limit), 0))
}

/// prlimit.
@c(prlimit)
public func interposedPrlimit(
    _ process: Int32, _ resource: Int32, _ limit: UnsafePointer<UInt64>?, _ before: UnsafeMutablePointer<UInt64>?
) -> Int32 { answer(limitForProgram(process, resource, Int(bitPattern: limit), Int(bitPattern: before))) }

/// prlimit64: the same.
@c(prlimit64)
public func interposedPrlimit64(
    _ process: Int32, _ resource: Int32, _ limit: UnsafePointer<UInt64>?, _ before: UnsafeMutablePointer<UInt64>?
) -> Int32 { answer(limitForProgram(process, resource, Int(bitPattern: limit), Int(bitPattern: before))) }

func limitForProgram(_ process: Int32, _ resource: Int32, _ new: Int, _ old: Int) -> Int32 {
    let result = Int32(
        truncatingIfNeeded: lm_system_call(Int(LM_SYS_PRLIMIT64), Int(process), Int(resource), new, old, 0, 0))
    guard result == 0, new != 0, resource == Int32(LM_RLIMIT_AS), !isAgentOff,
        process == 0 || process == lm_process_id(), lm_address_space_is_limited() != 0
    else { return result }
    _ = performJob(.shed, startsThread: false)
    return result
}

/// Gives back what only merging needs of the address space, on the agent's thread: whether there was something.
func shedAddressSpace() -> Int {
    let isMine = AgentLock.acquire()
    defer { if isMine { AgentLock.release() } }
    segments.unmapAll()
    // What lies over frames must still be able to move.
    if ranges.count > 0 {
        _ =
            agentMemory.reach(.text, TableMemory.textBytes)
            && agentMemory.reach(.jobText, TableMemory.textBytes)
    }
    return unsafe agentMemory.shed(hasRemapper: work.remapper != nil) ? 1 : 0
}
