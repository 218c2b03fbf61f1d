internal import CLinuxMemory

// Calls that the kernel grants to processes of one thread only, or whose effect is the calling thread's own.

/// unshare: the agent's thread ends for it.
@c(unshare)
public func interposedUnshare(_ flags: Int32) -> Int32 { Int32(answer(unshareForProgram(Int(flags)))) }

/// setns: the agent's thread ends for it.
@c(setns)
public func interposedSetns(_ file: Int32, _ kind: Int32) -> Int32 { Int32(answer(enterForProgram(file, kind))) }

func unshareForProgram(_ flags: Int) -> Int {
    // These are every thread's own affair: the agent's has a descriptor table of its own anyway.
    let harmless = Int(LM_CLONE_FS | LM_CLONE_FILES | LM_CLONE_SYSVSEM)
    guard flags & ~harmless != 0 else { return lm_system_call(Int(LM_SYS_UNSHARE), flags, 0, 0, 0, 0, 0) }
    return alone { lm_system_call(Int(LM_SYS_UNSHARE), flags, 0, 0, 0, 0, 0) }
}

func enterForProgram(_ file: Int32, _ kind: Int32) -> Int {
    alone { lm_system_call(Int(LM_SYS_SETNS), Int(file), Int(kind), 0, 0, 0, 0) }
}

/// capset: libc passes it to the kernel, for the calling thread only.
@c(capset)
public func interposedCapset(_ head: Int, _ data: Int) -> Int32 {
    Int32(answer(changeRights(Int(LM_SYS_CAPSET), head, data, 0, 0, 0, 0)))
}

/// Whether a call by number changes the rights of the calling thread alone.
func changesRights(_ number: Int) -> Bool { lm_changes_rights(number) != 0 }

/// Makes such a call. Rights of the first thread count as the program's: the agent's thread follows.
func changeRights(_ number: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int, _ e: Int, _ f: Int) -> Int {
    guard isAgentHere, lm_thread_id() == lm_process_id() else { return lm_system_call(number, a, b, c, d, e, f) }
    return alone { lm_system_call(number, a, b, c, d, e, f) }
}

/// umount.
@c(umount)
public func interposedUnmount(_ path: Int) -> Int32 { Int32(answer(unmountForProgram(path, 0))) }

/// umount2.
@c(umount2)
public func interposedUnmountWithFlags(_ path: Int, _ flags: Int32) -> Int32 {
    Int32(answer(unmountForProgram(path, Int(flags))))
}

/// A file system that the agent's thread has files of is busy: /proc, /dev. The thread ends for the call, and opens them
/// again afterwards where they are still there.
func unmountForProgram(_ path: Int, _ flags: Int) -> Int {
    let result = lm_system_call(Int(LM_SYS_UMOUNT2), path, flags, 0, 0, 0, 0)
    guard result == -Int(LM_EBUSY) else { return result }
    return alone { lm_system_call(Int(LM_SYS_UMOUNT2), path, flags, 0, 0, 0, 0) }
}
