internal import CLinuxMemory

// Calls that the kernel grants to processes of one thread only, or whose effect is the calling thread's own.

/// unshare: the agent's thread ends for it.
@c(unshare)
public func interposedUnshare(_ flags: Int32) -> Int32 { Int32(answer(unshareForProgram(Int(flags)))) }

/// setns: the agent's thread ends for it.
@c(setns)
public func interposedSetns(_ file: Int32, _ kind: Int32) -> Int32 { Int32(answer(enterForProgram(file, kind))) }

func unshareForProgram(_ flags: Int) -> Int {
    // These are every thread's own affair: the agent's has a descriptor table of its own anyway. The namespace of processes to come
    // is no thread's, and no thread could be started behind it.
    var harmless = Int(LM_CLONE_FILES | LM_CLONE_SYSVSEM | LM_CLONE_NEWPID)
    // The folder that the first thread is in is the process's.
    if lm_thread_id() != lm_process_id() { harmless |= Int(LM_CLONE_FS) }
    func call() -> Int { Int(nextIntCall(.unshare, Int(LM_SYS_UNSHARE), flags, 0)) }
    return flags & ~harmless != 0 ? alone(call) : call()
}

func enterForProgram(_ file: Int32, _ kind: Int32) -> Int {
    func call() -> Int { Int(nextIntCall(.setns, Int(LM_SYS_SETNS), Int(file), Int(kind))) }
    return kind != Int32(LM_CLONE_NEWPID) ? alone(call) : call()
}

/// umount.
@c(umount)
public func interposedUmount(_ path: Int) -> Int32 { answer(unmountForProgram(.umount, path, 0)) }

/// umount2.
@c(umount2)
public func interposedUmount2(_ path: Int, _ flags: Int32) -> Int32 {
    answer(unmountForProgram(.umount2, path, Int(flags)))
}

/// The agent's thread has files of /proc open, and ends where that is in the program's way.
func unmountForProgram(_ call: NextCall, _ path: Int, _ flags: Int) -> Int32 {
    func unmount() -> Int { Int(nextIntCall(call, Int(LM_SYS_UMOUNT2), path, flags)) }
    let result = unmount()
    return Int32(truncatingIfNeeded: result == -Int(LM_EBUSY) && isAgentHere ? alone(unmount) : result)
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
    func call() -> Int {
        number == Int(LM_SYS_CAPSET)
            ? Int(nextIntCall(.capset, number, a, b)) : nextSyscall(number, a, b, c, d, e, f)
    }
    return isAgentHere && lm_thread_id() == lm_process_id() ? alone(call) : call()
}
