internal import CLinuxMemory

/// Wakes the agent's thread where no more signals can be queued: by one of the old signals, which need no room. Such a signal
/// may also be the program's, sent to the process and not taken yet: only what was sent to the agent's thread is taken.
enum SpareBell {
    /// 0: silent, 1: someone rings it or changes the signal, 2: it rang.
    nonisolated(unsafe) private static var state: UInt32 = 0
    /// How many signals have been given up.
    nonisolated(unsafe) private static var choice = 0
    /// The signalfd on which the agent's thread sees it; -1 without one. Only that thread uses it.
    nonisolated(unsafe) private(set) static var descriptor: Int32 = -1

    /// The signal in use; 0 if there is none left. Few programs send these.
    private static var signal: Int {
        switch unsafe choice {
        case 0: Int(LM_SIGSTKFLT)
        case 1: Int(LM_SIGPWR)
        case 2: Int(LM_SIGVTALRM)
        case 3: Int(LM_SIGIO)
        default: 0
        }
    }

    /// On the agent's thread, which has the signals blocked.
    static func open() {
        unsafe descriptor = signal == 0 ? -1 : lm_signalfd(1 << UInt64(signal - 1))
        unsafe lm_atomic_store(&state, 0)
    }

    static func close() {
        if unsafe descriptor >= 0 { _ = unsafe lm_close(descriptor) }
        unsafe descriptor = -1
    }

    /// In a forked child.
    static func forget() {
        unsafe descriptor = -1
        unsafe lm_atomic_store(&state, 0)
    }

    /// Rings it for a thread.
    static func ring(_ process: Int32, _ thread: Int32) {
        // No handler may leave this in the middle.
        let mask = lm_set_signal_mask(AgentLock.blockedSignals)
        if unsafe lm_atomic_replace(&state, 0, 1) != 0 {
            if signal != 0 { _ = lm_signal_thread(process, thread, Int32(signal)) }
            unsafe lm_atomic_store(&state, signal != 0 ? 2 : 0)
        }
        _ = lm_set_signal_mask(mask)
    }

    /// On the agent's thread: a signal waits.
    static func answer() {
        if unsafe lm_atomic_load(&state) == 2 {
            var room = InlineArray<128, UInt8>(repeating: 0)
            // One record: what was sent to this thread comes before what was sent to the process.
            // SAFETY: the room takes one.
            _ = unsafe withUnsafeMutableBytes(of: &room) {
                unsafe lm_read(descriptor, $0.baseAddress.unsafelyUnwrapped, 128)
            }
            unsafe lm_atomic_store(&state, 0)
        } else if unsafe lm_atomic_replace(&state, 0, 1) != 0 {
            // It is the program's, which takes it when it likes: another signal from now on.
            unsafe choice += 1
            close()
            open()
        } else {
            lm_yield()
        }
    }
}
