internal import CLinuxMemory

// A fork in the middle of a merge would give the child the hole that a moved page leaves: every way to fork that passes
// through libc holds the lock. vfork and posix_spawn share the memory and need nothing.

/// fork: libc's own calls our handlers, which hold the lock; in the child the agent starts anew.
@c(fork)
public func interposedFork() -> Int32 {
    guard let function = unsafe next(.fork) else { return answer(-Int32(LM_ENOSYS)) }
    // SAFETY: libc's fork.
    let fork = unsafe unsafeBitCast(function, to: (@convention(c) () -> Int32).self)
    var child = fork()
    // SAFETY: errno of this thread.
    if child < 0, unsafe __errno_location().pointee == Int32(LM_EAGAIN), givePlace() { child = fork() }
    if child == 0 { afterForkInChild() }
    return child
}

/// daemon: libc forks within, and its handlers run; who goes on is the child.
@c(daemon)
public func interposedDaemon(_ keepsFolder: Int32, _ keepsFiles: Int32) -> Int32 {
    guard let function = unsafe next(.daemon) else { return answer(-Int32(LM_ENOSYS)) }
    // SAFETY: libc's daemon.
    let daemon = unsafe unsafeBitCast(function, to: (@convention(c) (Int32, Int32) -> Int32).self)
    let parent = lm_process_id()
    let result = daemon(keepsFolder, keepsFiles)
    if lm_process_id() != parent { afterForkInChild() }
    return result
}

/// forkpty: as ``interposedDaemon(_:_:)``; its arguments are four pointers.
@c(forkpty)
public func interposedForkpty(_ terminal: Int, _ name: Int, _ settings: Int, _ size: Int) -> Int32 {
    guard let function = unsafe next(.forkpty) else { return answer(-Int32(LM_ENOSYS)) }
    // SAFETY: libc's forkpty.
    let forkpty = unsafe unsafeBitCast(function, to: (@convention(c) (Int, Int, Int, Int) -> Int32).self)
    let child = forkpty(terminal, name, settings, size)
    if child == 0 { afterForkInChild() }
    return child
}

/// _Fork: runs no handlers, and the child may do little: there, nothing more is merged.
@c(_Fork)
public func interposedBareFork() -> Int32 {
    guard let function = unsafe next(.bareFork) else { return answer(-Int32(LM_ENOSYS)) }
    // SAFETY: libc's _Fork.
    let fork = unsafe unsafeBitCast(function, to: (@convention(c) () -> Int32).self)
    return Int32(truncatingIfNeeded: holdingLock { Int(fork()) })
}

/// Forks in some way while the lock is held, and lets the child know what it is.
func holdingLock(_ fork: () -> Int) -> Int {
    guard !isAgentOff, enterCall() else { return fork() }
    let child = fork()
    if child == 0 {
        becomeForkedChild(mayStartThread: false)
        AgentLock.releaseInChild()
    } else {
        AgentLock.release()
    }
    return child
}

/// What a function that a child of clone() starts with needs: on the stack of the caller, of which the child has a
/// copy.
@safe
private struct ChildStart {
    var body: @convention(c) (UnsafeMutableRawPointer?) -> Int32
    var argument: UnsafeMutableRawPointer?
}

/// clone: without CLONE_VM it forks. The last three arguments are variadic in C.
@c(clone)
public func interposedClone(
    _ body: (@convention(c) (UnsafeMutableRawPointer?) -> Int32)?, _ stack: UnsafeMutableRawPointer?, _ flags: Int32,
    _ argument: UnsafeMutableRawPointer?, _ a: Int, _ b: Int, _ c: Int
) -> Int32 {
    guard let function = unsafe next(.clone) else { return answer(-Int32(LM_ENOSYS)) }
    // SAFETY: libc's clone, which takes the same registers.
    let clone = unsafe unsafeBitCast(function, to: CloneFunction.self)
    if flags & Int32(LM_CLONE_CHILD_CLEARTID) != 0 { keepFromMerging(UInt(bitPattern: c), 4) }
    guard flags & Int32(LM_CLONE_VM) == 0, let body = unsafe body, !isAgentOff, enterCall() else {
        return unsafe clone(body, stack, flags, argument, a, b, c)
    }
    var start = unsafe ChildStart(body: body, argument: argument)
    let child = unsafe withUnsafeMutablePointer(to: &start) { start in
        unsafe clone(startOfChild, stack, flags, UnsafeMutableRawPointer(start), a, b, c)
    }
    AgentLock.release()
    return child
}

private typealias CloneFunction =
    @convention(c) (
        (@convention(c) (UnsafeMutableRawPointer?) -> Int32)?, UnsafeMutableRawPointer?, Int32,
        UnsafeMutableRawPointer?, Int, Int, Int
    ) -> Int32

private let startOfChild: @convention(c) (UnsafeMutableRawPointer?) -> Int32 = { argument in
    becomeForkedChild(mayStartThread: false)
    AgentLock.releaseInChild()
    // SAFETY: the parent's stack, copied; nobody else uses it in this process.
    let start = unsafe argument.unsafelyUnwrapped.assumingMemoryBound(to: ChildStart.self).pointee
    return unsafe start.body(start.argument)
}
