import CLinuxMemory

/// CPU time of the agent's thread where the program's is limited (RLIMIT_CPU): it counts for the program.
struct CPUBudget {
    /// Nanoseconds of a period that the thread may take. The daemon waits longer for an answer than a period.
    private static var share: UInt64 { 1_000_000 }
    private static var period: UInt64 { 200_000_000 }
    /// The thread's own CPU time when the period began, and when that was.
    private var usedBefore: UInt64 = 0
    private var begin: UInt64 = 0

    /// The limit of the process in nanoseconds; `nil` without one.
    private static var limit: UInt64? {
        let seconds = lm_cpu_limit()
        return seconds == UInt64.max ? nil : seconds &* 1_000_000_000
    }

    /// Whether the process has used three quarters of its limit, or all but 5 seconds of it: the rest is the program's.
    func isNearLimit() -> Bool {
        guard let limit = Self.limit else { return false }
        return lm_kernel_clock(Int32(LM_CLOCK_PROCESS_CPU)) + min(limit / 4, 5_000_000_000) > limit
    }

    /// How long the thread has to wait before it works again; `nil` if it need not.
    mutating func wait() -> UInt64? {
        guard Self.limit != nil else { return nil }
        let used = lm_kernel_clock(Int32(LM_CLOCK_THREAD_CPU))
        let present = now()
        if present &- begin >= Self.period {
            // What was taken too much is taken from the periods that follow.
            let passed = (present &- begin) / Self.period
            usedBefore = begin == 0 ? used : min(used, usedBefore &+ passed * Self.share)
            begin = present
        }
        guard used &- usedBefore >= Self.share else { return nil }
        return begin + Self.period - present
    }
}
