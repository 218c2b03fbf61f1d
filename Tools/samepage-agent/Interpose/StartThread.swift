internal import CLinuxMemory

// The number of processes and threads of a user may be limited (RLIMIT_NPROC, a cgroup's pids.max). The agent's thread must
// not take the place that the program needs: it ends where the kernel refuses the program one.

/// How long the agent's thread stays away when it gave its place.
private var awayFor: UInt64 { 10_000_000_000 }

/// Lets the agent's thread end, so that the program has its place; `false` if there is none to give.
func givePlace() -> Bool {
    // Not while it is being started, by this very call perhaps.
    guard isAgentHere, unsafe lm_atomic_load(&agentThread.state) == 2 else { return false }
    let hasEnded = holdOffAgentThread()
    delayAgentThread(awayFor)
    letAgentThreadStart()
    return hasEnded
}

/// pthread_create.
@c(pthread_create)
public func interposedThreadCreate(_ thread: Int, _ attributes: Int, _ body: Int, _ argument: Int) -> Int32 {
    guard let function = unsafe next(.createThread) else { return Int32(LM_EAGAIN) }
    // SAFETY: libc's pthread_create, which takes four pointers.
    let create = unsafe unsafeBitCast(function, to: (@convention(c) (Int, Int, Int, Int) -> Int32).self)
    keepThreadApart(UInt(bitPattern: attributes))
    let result = create(thread, attributes, body, argument)
    return result == Int32(LM_EAGAIN) && givePlace() ? create(thread, attributes, body, argument) : result
}

/// thrd_create: libc's own does not pass through pthread_create.
@c(thrd_create)
public func interposedThrdCreate(_ thread: Int, _ body: Int, _ argument: Int) -> Int32 {
    // thrd_error.
    guard let function = unsafe next(.startThread) else { return 2 }
    // SAFETY: libc's thrd_create, which takes three pointers.
    let create = unsafe unsafeBitCast(function, to: (@convention(c) (Int, Int, Int) -> Int32).self)
    let result = create(thread, body, argument)
    return result != 0 && givePlace() ? create(thread, body, argument) : result
}
