internal import CLinuxMemory

// A limit of the address space is meant for the program alone: the agent gives back most of what it has reserved of it.

/// setrlimit.
@c(setrlimit)
public func interposedSetrlimit(_ resource: Int32, _ limit: UnsafePointer<UInt64>?) -> Int32 {
    let limit = Int(bitPattern: limit)
    return answer(limitForProgram(0, resource, limit) { nextSetrlimit(.setrlimit, resource, limit) })
}

/// setrlimit64: the same on 64-bit machines.
@c(setrlimit64)
public func interposedSetrlimit64(_ resource: Int32, _ limit: UnsafePointer<UInt64>?) -> Int32 {
    let limit = Int(bitPattern: limit)
    return answer(limitForProgram(0, resource, limit) { nextSetrlimit(.setrlimit64, resource, limit) })
}

/// prlimit.
@c(prlimit)
public func interposedPrlimit(
    _ process: Int32, _ resource: Int32, _ limit: UnsafePointer<UInt64>?, _ before: UnsafeMutablePointer<UInt64>?
) -> Int32 {
    let (limit, before) = (Int(bitPattern: limit), Int(bitPattern: before))
    return answer(limitProcess(.prlimit, process, resource, limit, before))
}

/// prlimit64: the same.
@c(prlimit64)
public func interposedPrlimit64(
    _ process: Int32, _ resource: Int32, _ limit: UnsafePointer<UInt64>?, _ before: UnsafeMutablePointer<UInt64>?
) -> Int32 {
    let (limit, before) = (Int(bitPattern: limit), Int(bitPattern: before))
    return answer(limitProcess(.prlimit64, process, resource, limit, before))
}

/// prlimit of any process, by its name or by number.
func limitProcess(_ call: NextCall, _ process: Int32, _ resource: Int32, _ new: Int, _ old: Int) -> Int32 {
    limitForProgram(process, resource, new) {
        nextIntCall(call, Int(LM_SYS_PRLIMIT64), Int(process), Int(resource), new, old)
    }
}

func limitForProgram(_ process: Int32, _ resource: Int32, _ new: Int, _ call: () -> Int32) -> Int32 {
    let result = call()
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
