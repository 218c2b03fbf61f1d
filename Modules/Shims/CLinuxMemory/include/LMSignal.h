#ifndef SAMEPAGE_LM_SIGNAL_H
#define SAMEPAGE_LM_SIGNAL_H

#include "LMSystemCall.h"

/// Sets of signals are 64 bits, signal n at bit n - 1, as the kernel has them: glibc's own functions hide 32 and 33.

enum {
    /// SIGCANCEL and SIGTIMER of glibc: no program can use it, and nobody cancels our thread.
    LM_DOORBELL_SIGNAL = 32,
    /// Below 32: they arrive also where no more signals can be queued.
    LM_SIGSTKFLT = 16,
    LM_SIGVTALRM = 26,
    LM_SIGIO = 29,
    LM_SIGPWR = 30,
    /// SIGSETXID of glibc: must stay deliverable, or setuid() of the program waits for ever.
    LM_SETXID_SIGNAL = 33,
};

/// rt_sigprocmask(SIG_SETMASK): returns the mask before.
static inline uint64_t lm_set_signal_mask(uint64_t mask) {
    uint64_t before = 0;
    lm_system_call(SYS_rt_sigprocmask, 2, (long)&mask, (long)&before, 8, 0, 0);
    return before;
}

/// signalfd4, close-on-exec and non-blocking.
static inline int lm_signalfd(uint64_t mask) {
    return (int)lm_system_call(SYS_signalfd4, -1, (long)&mask, 8, 0x80000 | 0x800, 0, 0);
}

/// Sends a signal to one thread of this process.
static inline int lm_signal_thread(int process, int thread, int signal) {
    return (int)lm_system_call(SYS_tgkill, process, thread, signal, 0, 0, 0);
}

static inline int lm_process_id(void) { return (int)lm_system_call(SYS_getpid, 0, 0, 0, 0, 0, 0); }
static inline int lm_thread_id(void) { return (int)lm_system_call(SYS_gettid, 0, 0, 0, 0, 0, 0); }

/// Waits while a word has a value (FUTEX_WAIT_PRIVATE), at most so long; below 0 for ever.
static inline int lm_futex_wait(const void *word, uint32_t value, int64_t nanoseconds) {
    int64_t time[2] = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    return (int)lm_system_call(SYS_futex, (long)word, 128, value, nanoseconds < 0 ? 0 : (long)time, 0, 0);
}

/// Wakes waiters of a word (FUTEX_WAKE_PRIVATE).
static inline int lm_futex_wake(const void *word, int count) {
    return (int)lm_system_call(SYS_futex, (long)word, 128 | 1, count, 0, 0, 0);
}

#endif
